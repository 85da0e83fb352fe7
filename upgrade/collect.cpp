// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "upgrade/collect.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "builder/boot_roots.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/names.hpp"
#include "upgrade/esp/write_entry.hpp"
#include "upgrade/factory_reset.hpp"
#include "upgrade/stage/state_directory.hpp"

namespace sealroot {
namespace {

constexpr std::string_view own_refs = "images/refs/sealroot/";
constexpr std::string_view staged_refs = "images/refs/sealroot/deploy/";
constexpr std::string_view staged_tags = "streams/refs/oci/sealroot%2F";
constexpr const char* unreadable = "gc: root unreadable, nothing deleted";

bool is_good(const Deployments& all, const Deployment& each) {
  return each.entry() != nullptr && each.image_present && !each.failed &&
         (!all.signatures_checked || each.entry()->uki.signature == SignatureState::trusted);
}

/// The newest that systemd-bless-boot has taken the counter from.
const Deployment* newest_blessed(const Deployments& all) {
  const auto found = std::ranges::find_if(
      all.all, [&](const Deployment& each) { return is_good(all, each) && !each.entry()->name.tries; });
  return found == all.all.end() ? nullptr : &*found;
}

void unlink_beneath(const Fd& directory, const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const auto folder = try_open_beneath(directory, path.substr(0, slash), O_RDONLY | O_DIRECTORY);
  if (!folder) return;
  if (::unlinkat(folder->get(), path.substr(slash + 1).c_str(), 0) < 0 && errno != ENOENT) {
    throw os_error("removing " + quoted(path));
  }
}

/// A build names the first image of a disk otherwise than we do; both are below `sealroot/`.
void remove_refs(const Repository& repository, const Digest& image) {
  for (const RepositoryName& ref : read_names(repository).refs) {
    if (ref.object == image && ref.path.starts_with(own_refs)) unlink_beneath(repository.directory(), ref.path);
  }
  unlink_beneath(repository.directory(), std::string(staged_tags) + to_hex(image));
}

/// What a staging left that was killed before there was anything else of its deployment, and a removal that was killed
/// after all else was gone.
void remove_stale_names(const Host& host, const Repository& repository, const std::set<Digest>& deployments) {
  for (const RepositoryName& ref : read_names(repository).refs) {
    for (const std::string_view prefix : {staged_refs, staged_tags}) {
      if (!ref.path.starts_with(prefix)) continue;
      const auto image = Digest::try_parse(std::string_view(ref.path).substr(prefix.size()));
      if (image && !deployments.contains(*image)) unlink_beneath(repository.directory(), ref.path);
    }
  }
  remove_stale_records(host.sysroot, deployments);
}

std::set<Digest> images_of(const std::vector<Deployment>& deployments) {
  std::set<Digest> images;
  for (const Deployment& each : deployments) images.insert(each.image);
  return images;
}

/// Everything that may boot or that somebody wants to keep.
std::vector<Digest> roots_of(const Host& host) {
  std::vector<Digest> roots = during("ESP " + quoted(host.esp_path), [&] { return digests_on_esp(host.esp); });
  for (const std::optional<Digest>& running : {host.booted, host.started}) {
    if (running) roots.push_back(*running);
  }
  for (const Digest& image : read_marks(host.sysroot, Mark::pinned)) roots.push_back(image);
  return roots;
}

GcReport collect_objects(const Host& host, const Repository& repository, bool dry_run) {
  GcOptions options;
  options.keep = roots_of(host);
  options.dry_run = dry_run;
  return collect_garbage(repository, options);
}

/// What can't be read could be what is needed.
void require_readable(const Host& host, const Deployments& deployments, const Repository& repository) {
  during(unreadable, [&] {
    if (!deployments.problems.empty()) throw Error(Fault::malformed, deployments.problems.front());
    roots_of(host);
  });
  collect_objects(host, repository, true);
}

}  // namespace

std::string deployment_ref(const Digest& image) { return "sealroot/deploy/" + to_hex(image); }
std::string deployment_tag(const Digest& image) { return "sealroot/" + to_hex(image); }

std::vector<Deployment> removable_deployments(const Deployments& deployments, unsigned keep,
                                              const std::optional<Digest>& also_keep) {
  std::set<Digest> kept;
  const Deployment* const blessed = newest_blessed(deployments);
  for (const Deployment& each : deployments.all) {
    if (each.booted || each.started || each.next || each.pinned || &each == blessed || each.image == also_keep)
      kept.insert(each.image);
  }
  for (const Deployment& each : deployments.all) {
    if (kept.size() < keep && is_good(deployments, each)) kept.insert(each.image);
  }
  std::vector<Deployment> removable;
  for (const Deployment& each : deployments.all) {
    if (!kept.contains(each.image)) removable.push_back(each);
  }
  return removable;
}

void remove_deployment(const Host& host, const Repository& repository, const Deployment& deployment) {
  during("removing deployment " + to_hex(deployment.image), [&] {
    if (deployment.failed) set_mark(host.sysroot, Mark::failed, deployment.image, true);
    for (const BootEntry& entry : deployment.entries) remove_boot_entry(host.esp, entry.file_name);
    remove_refs(repository, deployment.image);
    remove_state_directory(host.sysroot, deployment.image);
    remove_record(host.sysroot, deployment.image);
    append_history(host.sysroot, {.action = "remove", .image = deployment.image, .version = deployment.version()});
  });
}

HostGcReport collect_host(const Host& host, const std::vector<Certificate>& trusted, const HostGcOptions& options) {
  std::optional<HostLock> lock;
  if (!options.dry_run) lock.emplace(host.sysroot);
  const Deployments deployments = read_deployments(host, trusted);
  refuse_bootc(deployments);
  const Repository repository = open_repository(host);
  require_readable(host, deployments, repository);

  HostGcReport report{.removed = removable_deployments(deployments, options.keep)};
  if (!options.dry_run) {
    repository.lock_exclusive();
    for (const std::string& name : deployments.leftovers) remove_boot_entry(host.esp, name);
    remove_unfinished_state(host.sysroot);
    remove_replaced_state(host);
    for (const Deployment& each : report.removed) remove_deployment(host, repository, each);
    std::set<Digest> kept = images_of(deployments.all);
    for (const Digest& image : images_of(report.removed)) kept.erase(image);
    remove_stale_names(host, repository, kept);
  }
  report.objects = collect_objects(host, repository, options.dry_run);
  return report;
}

}  // namespace sealroot
