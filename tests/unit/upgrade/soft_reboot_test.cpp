// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// What is said and kept of a host that was soft-rebooted. How one gets there needs systemd: tests/vm.
#include "upgrade/soft_reboot/soft_reboot.hpp"

#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "tests/catch.hpp"
#include "upgrade/collect.hpp"
#include "upgrade/status.hpp"

using namespace sealroot;

namespace {

Digest digest_of(char digit) { return *Digest::try_parse(std::string(128, digit)); }

std::string line_of(char digit, const std::string& options) {
  return options + " composefs.digest=" + digest_token_value(digest_of(digit)) + " --";
}

Deployment deployment_of(char digit, const std::string& options = "quiet") {
  BootEntry entry;
  entry.uki.signature = SignatureState::trusted;
  entry.uki.config = SealedConfig{.digest = digest_of(digit), .cmdline = line_of(digit, options)};
  return Deployment{.image = digest_of(digit), .entries = {entry}, .image_present = true};
}

/// The kernel was started for image 1.
Host host_that_runs(char digit, bool soft_rebooted) {
  Host host;
  host.command_line = line_of('1', "quiet") + "\n";
  host.started = digest_of('1');
  host.booted = digest_of(digit);
  host.soft_rebooted = soft_rebooted;
  host.variables.secure_boot = SecureBoot::on;
  return host;
}

std::string seal_of_running(const Host& host, Deployment deployment) {
  deployment.booted = true;
  Deployments deployments;
  deployments.signatures_checked = true;
  return seal_text(host, deployments, deployment);
}

}  // namespace

TEST_CASE("the seal of what runs says who verified it") {
  const std::string by_previous = "sealed, soft-rebooted: verified by the previous system, not by the firmware";
  CHECK(seal_of_running(host_that_runs('1', false), deployment_of('1')) == "sealed");
  CHECK(seal_of_running(host_that_runs('2', true), deployment_of('2')) == by_previous);
  // Back to what the kernel was started for.
  CHECK(seal_of_running(host_that_runs('1', true), deployment_of('1')) == by_previous);
}

TEST_CASE("a soft reboot excuses no other command line than the digest") {
  CHECK(seal_of_running(host_that_runs('2', true), deployment_of('2', "quiet debug")).starts_with("not sealed: "));
  CHECK(seal_of_running(host_that_runs('1', true), deployment_of('2')).starts_with("not sealed: "));
  Host off = host_that_runs('2', true);
  off.variables.secure_boot = SecureBoot::off;
  CHECK(seal_of_running(off, deployment_of('2')) == "not sealed: SB off");
}

TEST_CASE("what runs and what started the kernel are both kept") {
  Deployments deployments;
  for (const char digit : {'1', '2', '3', '4'}) deployments.all.push_back(deployment_of(digit));
  deployments.all[1].booted = true;
  deployments.all[3].started = true;
  // Without a counter all are blessed: the newest is kept too.
  const std::vector<Deployment> removable = removable_deployments(deployments, 1);
  REQUIRE(removable.size() == 1);
  CHECK(removable.front().image == digest_of('3'));
}

TEST_CASE("the option is auto, required or absent") {
  CHECK(parse_soft_reboot("") == SoftReboot::no);
  CHECK(parse_soft_reboot("auto") == SoftReboot::automatic);
  CHECK(parse_soft_reboot("required") == SoftReboot::required);
  CHECK_THROWS_AS(parse_soft_reboot("yes"), Error);
}
