// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "upgrade/stage/stage.hpp"

#include <algorithm>

#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "upgrade/esp/version_order.hpp"
#include "upgrade/esp/write_entry.hpp"
#include "upgrade/host/trust.hpp"
#include "upgrade/host/unsealed.hpp"
#include "upgrade/select.hpp"
#include "upgrade/stage/state_directory.hpp"

namespace sealroot {
namespace {

/// The source that was given, or followed last, with the rules that fitted it last time.
Origin choose_origin(const StageOptions& options, const Deployments& deployments) {
  Origin origin{options.source};
  std::vector<const Deployment*> candidates{deployments.next(), deployments.booted()};
  for (const Deployment& each : deployments.all) candidates.push_back(&each);  // those that failed know it too
  for (const Deployment* const each : candidates) {
    if (each == nullptr || !each->record || each->record->source.empty()) continue;
    if (origin.source.empty()) origin.source = each->record->source;
    if (origin.source != each->record->source) continue;
    if (!each->record->xattrs.empty()) origin.xattrs = parse_xattr_rule(each->record->xattrs);
    if (!each->record->selinux.empty()) origin.labels = parse_label_mode(each->record->selinux);
    break;
  }
  origin.xattrs = options.xattrs.value_or(origin.xattrs);
  origin.labels = options.labels.value_or(origin.labels);
  if (!origin.source.empty()) return origin;
  throw Error(Fault::usage, "this host does not know where it came from: `sealroot switch SOURCE` tells it");
}

/// The newest version of the same system that is here and was not given up. All of it is signed: nobody who serves old
/// images can lower it.
void check_version(const Deployments& deployments, const StageResult& fresh) {
  for (const Deployment& each : deployments.all) {
    if (each.entry() == nullptr || each.failed || each.entry()->held_back()) continue;
    const UkiFacts& known = each.entry()->uki;
    if (known.signature != SignatureState::trusted || known.image_id != fresh.image_id) continue;
    if (compare_versions(fresh.version, known.version) >= 0) continue;
    throw Error(Fault::untrusted, "version " + quoted(fresh.version) + " is older than " + quoted(known.version) +
                                      ", which is here: --allow-downgrade takes it all the same");
  }
}

/// Why the image is not to be tried once more by itself: it did not boot here, or was rolled back.
std::optional<std::string> given_up(const Host& host, const StageResult& fresh, const Deployment* known) {
  const std::string what = "version " + quoted(fresh.version) + " (image " + to_hex(fresh.image) + ") ";
  if ((known != nullptr && known->failed) || read_marks(host.sysroot, Mark::failed).contains(fresh.image)) {
    return what + "failed to boot on this host: --retry stages it again";
  }
  if (known != nullptr && known->entry() != nullptr && known->entry()->held_back()) {
    return what + "was rolled back on this host: --retry stages it again";
  }
  return std::nullopt;
}

/// Whether a deployment is complete, with a boot entry that the firmware will take.
bool is_complete(const Deployment* known) {
  return known != nullptr && known->image_present && known->state_present && known->entry() != nullptr &&
         known->entry()->uki.signature == SignatureState::trusted;
}

class Staging {
 public:
  Staging(const Host& host, const StageOptions& options, const StageProgress& progress)
      : host_(host),
        options_(options),
        progress_(progress),
        repository_(open_repository(host)),
        trusted_(trusted_certificates(repository_, host.booted, options.certificate)),
        deployments_(read_deployments(host, trusted_)) {}

  StageResult run() {
    refuse_bootc(deployments_);
    repository_.require_writable();
    const Origin origin = choose_origin(options_, deployments_);
    if (const Deployment* const known = find_unchanged(origin)) {
      StageResult result = begin(known->image, known->image_id(), known->version(), origin);
      if (!is_wanted(result)) return result;
      if (!known->booted) plan_soft_reboot(result, [&] { return soft_reboot_obstacle(view(), *known); });
      if (!options_.check_only) finish(origin, result);
      return result;
    }
    const Seal seal = is_unsealed_host(host_, deployments_) ? Seal::may_be_missing : Seal::required;
    const Candidate candidate = read_candidate(origin, options_.read, repository_, trusted_, progress_, seal);
    StageResult result = begin(candidate.digest, candidate.uki.facts.image_id, candidate.uki.facts.version, origin);
    if (candidate.uki.facts.not_sealed)
      result.warnings.push_back("the new version is " + *candidate.uki.facts.not_sealed);
    if (!is_wanted(result)) return result;
    if (result.image != host_.booted) {
      plan_soft_reboot(result, [&] {
        return soft_reboot_obstacle(view(), candidate.uki.file, candidate.uki.facts, candidate.source.tree);
      });
    }
    if (!result.already_there) plan_room(candidate, result);
    const std::optional<CarriedEtc> etc = result.already_there ? std::nullopt : merge_etc_of(candidate);
    if (etc) result.etc_changes = etc->merge.changes;
    if (options_.check_only) return result;
    if (etc && options_.etc_policy == EtcPolicy::fail) require_no_conflict(etc->merge);

    make_room(result.removed);
    if (!result.already_there) deploy(candidate, origin, etc ? &*etc : nullptr);
    finish(origin, result);
    return result;
  }

 private:
  /// The deployment that was made of what the source still names, so that nothing needs to be read.
  const Deployment* find_unchanged(const Origin& origin) const {
    const std::string manifest = current_manifest(origin, options_.read.registry);
    const auto found = std::ranges::find_if(deployments_.all, [&](const Deployment& each) {
      return !manifest.empty() && is_complete(&each) && each.record && each.record->manifest == manifest &&
             each.record->xattrs == xattr_rule_name(origin.xattrs) &&
             each.record->selinux == label_mode_name(origin.labels);
    });
    return found == deployments_.all.end() ? nullptr : &*found;
  }

  StageResult begin(const Digest& image, const std::string& image_id, const std::string& version,
                    const Origin& origin) const {
    StageResult result{.image = image,
                       .image_id = image_id,
                       .version = version,
                       .source = origin.source,
                       .warnings = deployments_.problems};
    if (deployments_.next() != nullptr) result.replaces = deployments_.next()->version();
    result.already_there = is_complete(deployments_.find(image));
    return result;
  }

  bool is_wanted(StageResult& result) const {
    if (!options_.allow_downgrade) check_version(deployments_, result);
    const auto reason = options_.retry ? std::nullopt : given_up(host_, result, deployments_.find(result.image));
    if (!reason) return true;
    result.warnings.push_back(*reason);
    return !options_.source.empty();  // who names a source means it
  }

  HostView view() const { return {host_, repository_, deployments_, trusted_}; }

  /// Whether one can follow is known before anything is written.
  template <typename FindObstacle>
  void plan_soft_reboot(StageResult& result, FindObstacle find_obstacle) const {
    if (options_.soft_reboot == SoftReboot::no) return;
    const std::optional<std::string> obstacle = find_obstacle();
    if (options_.soft_reboot == SoftReboot::required) require_soft_reboot(obstacle);
    if (obstacle) result.warnings.push_back("no soft reboot: " + *obstacle);
    result.soft_reboot = !obstacle;
  }

  /// Before anything is written: whether the entry will fit, and which deployments must go for that.
  void plan_room(const Candidate& candidate, StageResult& result) const {
    const std::uint64_t needed = space_for_entry(host_.esp, candidate.uki.file.size());
    std::uint64_t free = free_space(host_.esp) + space_taken(host_.esp, deployments_.leftovers);
    std::vector<Deployment> removable = removable_deployments(deployments_, 1, candidate.digest);
    while (free < needed && !removable.empty()) {  // those that stand last in the menu first
      for (const BootEntry& entry : removable.back().entries) free += entry.size_bytes;
      if (removable.back().entry() != nullptr) result.removed.push_back(removable.back().image);
      removable.pop_back();
    }
    if (free >= needed) return;
    throw Error(Fault::os, "ESP " + quoted(host_.esp_path) + ": " + std::to_string(needed) +
                               " bytes are needed for the UKI, " + std::to_string(free) +
                               " can be had: make room on it, or unpin a deployment");
  }

  void make_room(const std::vector<Digest>& images) const {
    for (const Digest& image : images) remove_deployment(host_, repository_, *deployments_.find(image));
  }

  /// What of /etc goes over from the deployment that runs, or else would be next; nullopt: nothing is kept.
  std::optional<CarriedEtc> merge_etc_of(const Candidate& candidate) const {
    const Deployment* const from = deployments_.booted() != nullptr ? deployments_.booted() : deployments_.next();
    if (from == nullptr || from->entry() == nullptr || !from->entry()->uki.config) return std::nullopt;
    progress_("merging /etc", 0, 0);
    const Tree& tree = candidate.source.tree;
    return carry_over_etc(host_.sysroot, repository_, {from->image, from->entry()->uki.config->etc},
                          {tree, find(tree, "etc")}, candidate.uki.facts.config->etc, options_.etc_policy);
  }

  void deploy(const Candidate& candidate, const Origin& origin, const CarriedEtc* etc) const {
    const UkiFacts& uki = candidate.uki.facts;
    EntryName name{entry_base_name(uki.image_id, uki.version, candidate.digest)};
    if (options_.tries != 0) name.tries = EntryTries{options_.tries, 0};
    clean_up(name);
    progress_("storing the image", 0, 0);
    store_candidate(repository_, candidate);
    make_state_directory(host_.sysroot, candidate.source.tree, repository_.objects(), candidate.digest, uki.config->etc,
                         etc);
    write_record(host_.sysroot, candidate.digest, record_of(origin, candidate));
    repository_.sync();
    progress_("writing the boot entry", 0, 0);
    const Deployment* const known = deployments_.find(candidate.digest);
    const bool has_entry =
        known != nullptr && known->entry() != nullptr && known->entry()->uki.signature == SignatureState::trusted;
    if (!has_entry) write_boot_entry(host_.esp, name, candidate.uki.file);
  }

  /// What earlier runs left that were killed, and entries of this image that no firmware takes.
  void clean_up(const EntryName& name) const {
    for (const std::string& leftover : deployments_.leftovers) remove_boot_entry(host_.esp, leftover);
    remove_unfinished_state(host_.sysroot);
    for (const BootEntry& entry : list_boot_entries(host_.esp, trusted_).entries) {
      const bool boots = !entry.defect && entry.uki.signature == SignatureState::trusted;
      if (entry.name.base == name.base && !boots) remove_boot_entry(host_.esp, entry.file_name);
    }
  }

  /// It has its entry now; whatever goes wrong from here on does not take it away again.
  void finish(const Origin& origin, StageResult& result) const {
    forget_soft_reboot(host_);
    const std::vector<std::string> obstacles = make_next(host_, trusted_, result.image, options_.tries);
    result.warnings.insert(result.warnings.end(), obstacles.begin(), obstacles.end());
    result.staged = obstacles.empty();
    result.soft_reboot = result.soft_reboot && result.staged;
    try {
      set_mark(host_.sysroot, Mark::failed, result.image, false);
      if (!result.already_there) {
        append_history(host_.sysroot, {"stage", result.image, result.version, origin.source});
      }
      const Deployments now = read_deployments(host_, trusted_);
      if (!now.problems.empty()) return;  // what can't be read might be needed
      for (const Deployment& each : removable_deployments(now, options_.keep, result.image)) {
        remove_deployment(host_, repository_, each);
        result.removed.push_back(each.image);
      }
    } catch (const Error& error) {
      result.warnings.emplace_back(error.what());
    }
  }

  const Host& host_;
  const StageOptions& options_;
  const StageProgress& progress_;
  const Repository repository_;
  const std::vector<Certificate> trusted_;
  const Deployments deployments_;
};

}  // namespace

StageResult stage(const Host& host, const StageOptions& options, const StageProgress& progress) {
  const HostLock lock(host.sysroot);
  return Staging(host, options, progress).run();
}

}  // namespace sealroot
