// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "upgrade/rollback.hpp"

#include <algorithm>

#include "builder/image/verify_image.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/repository.hpp"
#include "upgrade/host/trust.hpp"
#include "upgrade/host/unsealed.hpp"
#include "upgrade/select.hpp"

namespace sealroot {
namespace {

const Deployment& choose_target(const Deployments& deployments, const std::string& text) {
  if (!text.empty()) return choose_deployment(deployments, text);
  const auto found = std::ranges::find_if(deployments.all, &Deployment::rollback);
  if (found == deployments.all.end()) throw Error(Fault::usage, "there is no deployment to roll back to");
  return *found;
}

/// Nobody finds out at the next boot.
void verify_chain(const Deployment& target, const Repository& repository, bool unsealed_host, unsigned threads) {
  if (target.entry() == nullptr) throw Error(Fault::missing, "it has no boot entry");
  const UkiFacts& uki = target.entry()->uki;
  if (uki.signature != SignatureState::trusted) {
    throw Error(Fault::untrusted, "its UKI is not signed by a pinned certificate");
  }
  if (uki.not_sealed && !(unsealed_host && is_unsealed(uki))) {
    throw Error(Fault::untrusted, "its UKI is not sealed: " + *uki.not_sealed);
  }
  const VerifyReport report = verify_image(repository.objects(), target.image, {.threads = threads});
  if (report.intact()) return;
  const Finding& first = report.findings.front();
  throw Error(Fault::untrusted, (first.path.empty() ? "its image" : quoted(first.path)) + ": " + first.reason);
}

}  // namespace

RollbackResult roll_back(const Host& host, const RollbackOptions& options) {
  const HostLock lock(host.sysroot);
  const Repository repository = open_repository(host);
  const std::vector<Certificate> trusted = trusted_certificates(repository, host.booted, options.certificate);
  const Deployments deployments = read_deployments(host, trusted);
  refuse_bootc(deployments);
  const Deployment& target = choose_target(deployments, options.deployment);
  RollbackResult result{.image = target.image, .version = target.version()};
  if (deployments.next() != nullptr) result.replaces = deployments.next()->version();
  during("deployment " + to_hex(target.image),
         [&] { verify_chain(target, repository, is_unsealed_host(host, deployments), options.threads); });
  std::optional<std::string> obstacle;
  if (options.soft_reboot != SoftReboot::no) {
    obstacle = soft_reboot_obstacle({host, repository, deployments, trusted}, target);
    if (options.soft_reboot == SoftReboot::required) require_soft_reboot(obstacle);
  }
  forget_soft_reboot(host);
  // What the firmware started has shown that it boots.
  result.warnings = make_next(host, trusted, target.image, target.started ? 0 : options.tries);
  result.soft_reboot = options.soft_reboot != SoftReboot::no && !obstacle && result.warnings.empty();
  if (obstacle) result.warnings.push_back("no soft reboot: " + *obstacle);
  set_mark(host.sysroot, Mark::failed, target.image, false);
  if (!target.next)
    append_history(host.sysroot, {.action = "rollback", .image = target.image, .version = result.version});
  return result;
}

Digest set_pin(const Host& host, const std::string& text, bool pinned) {
  const HostLock lock(host.sysroot);
  const Deployments deployments = read_deployments(host, {});
  refuse_bootc(deployments);
  if (text.empty() && deployments.booted() == nullptr) {
    throw Error(Fault::usage, "no deployment of this host is booted: name one");
  }
  const Deployment& chosen = text.empty() ? *deployments.booted() : choose_deployment(deployments, text);
  if (chosen.pinned == pinned) return chosen.image;
  set_mark(host.sysroot, Mark::pinned, chosen.image, pinned);
  append_history(host.sysroot,
                 {.action = pinned ? "pin" : "unpin", .image = chosen.image, .version = chosen.version()});
  return chosen.image;
}

}  // namespace sealroot
