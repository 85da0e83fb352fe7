// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "upgrade/host/deployments.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/listing.hpp"

namespace sealroot {
namespace {

constexpr std::size_t least_digits = 8;

class Reader {
 public:
  Reader(const Host& host, const std::vector<Certificate>& trusted) : host_(host), trusted_(trusted) {}

  Deployments read() {
    read_entries();
    read_states();
    if (host_.started) deployment(*host_.started).started = true;
    if (host_.booted) deployment(*host_.booted).booted = true;
    read_records();
    find_places();
    find_next();
    find_rollback();
    found_.bootc = recognise_bootc();
    return std::move(found_);
  }

 private:
  /// Runs a part; its failure hides what it would have shown, and no more.
  template <typename Part>
  void attempt(Part part) {
    try {
      part();
    } catch (const Error& error) {
      found_.problems.emplace_back(error.what());
    }
  }

  Deployment& deployment(const Digest& image) {
    const auto known = std::ranges::find(found_.all, image, &Deployment::image);
    if (known != found_.all.end()) return *known;
    return found_.all.emplace_back(Deployment{.image = image});
  }

  void read_entries() {
    found_.signatures_checked = !trusted_.empty();
    attempt([&] {
      EspListing listing = list_boot_entries(host_.esp, trusted_);
      found_.others = std::move(listing.others);
      found_.leftovers = std::move(listing.leftovers);
      menu_ = std::move(listing.entries);
    });
    sort_as_menu(menu_);
    for (const BootEntry& entry : menu_) {
      if (entry.defect || !entry.uki.image) {
        found_.strangers.push_back(entry);
      } else {
        deployment(*entry.uki.image).entries.push_back(entry);
      }
    }
  }

  void read_states() {
    attempt([&] {
      const auto folder = try_open_beneath(host_.sysroot, deploy_folder, O_RDONLY | O_DIRECTORY);
      if (!folder) return;
      for (const DirectoryEntry& entry : list_directory(*folder)) {
        const auto digest = Digest::try_parse(entry.name);
        if (!digest) {
          found_.problems.push_back(quoted(std::string(deploy_folder) + "/" + entry.name) +
                                    " is not named by a digest");
        } else {
          deployment(*digest).state_present = true;
        }
      }
    });
  }

  void read_records() {
    std::set<Digest> pinned, failed;
    attempt([&] { pinned = read_marks(host_.sysroot, Mark::pinned); });
    attempt([&] { failed = read_marks(host_.sysroot, Mark::failed); });
    for (const Digest& image : pinned) deployment(image).pinned = true;
    for (Deployment& each : found_.all) {
      attempt([&] { each.record = read_record(host_.sysroot, each.image); });
      each.failed = failed.contains(each.image) || (each.entry() != nullptr && each.entry()->failed());
    }
  }

  void find_places() {
    const std::string folder = std::string(repository_folder) + "/objects/";
    for (Deployment& each : found_.all) {
      attempt([&] {
        each.image_present =
            try_open_beneath(host_.sysroot, folder + object_path(each.image), O_PATH | O_NOFOLLOW).has_value();
      });
    }
  }

  void find_next() {
    found_.choice.variable = host_.variables.entry_default;
    attempt([&] { found_.choice.config = read_default_pattern(host_.esp); });
    const BootEntry* const entry = find_default(menu_, found_.choice);
    if (entry != nullptr && entry->uki.image) deployment(*entry->uki.image).next = true;
  }

  bool is_usable(const Deployment& candidate) const {
    return candidate.entry() != nullptr && candidate.image_present && !candidate.failed && !candidate.next &&
           (trusted_.empty() || candidate.entry()->uki.signature == SignatureState::trusted);
  }

  /// Back to what runs, if something else would boot next; else to the first of the others, held back ones last.
  void find_rollback() {
    Deployment* best = nullptr;
    for (Deployment& each : found_.all) {
      if (!is_usable(each)) continue;
      if (best == nullptr || (each.booted && !best->booted)) best = &each;
    }
    if (best != nullptr) best->rollback = true;
  }

  std::optional<std::string> recognise_bootc() const {
    for (const std::string& path : found_.others) {
      if (path == "EFI/Linux/bootc" || path.starts_with("loader/entries/bootc_")) return quoted(path) + " on the ESP";
    }
    for (const Deployment& each : found_.all) {
      const std::string hex = to_hex(each.image);
      const std::string origin = std::string(deploy_folder).append("/").append(hex) + "/" + hex + ".origin";
      if (try_open_beneath(host_.sysroot, origin, O_PATH | O_NOFOLLOW)) return quoted(origin);
    }
    return std::nullopt;
  }

  const Host& host_;
  const std::vector<Certificate>& trusted_;
  std::vector<BootEntry> menu_;
  Deployments found_;
};

bool is_meant(const Deployment& deployment, const std::string& text) {
  if (const auto digest = try_parse_digest(text)) return deployment.image == *digest;
  if (text.size() >= least_digits && to_hex(deployment.image).starts_with(text)) return true;
  return deployment.version() == text ||
         std::ranges::any_of(deployment.entries, [&](const BootEntry& entry) { return entry.file_name == text; });
}

}  // namespace

std::string Deployment::version() const {
  if (entry() != nullptr) return entry()->uki.version;
  return record ? record->version : "";
}

std::string Deployment::image_id() const {
  if (entry() != nullptr) return entry()->uki.image_id;
  return record ? record->image_id : "";
}

const Deployment* Deployments::find(const Digest& image) const {
  const auto found = std::ranges::find(all, image, &Deployment::image);
  return found == all.end() ? nullptr : &*found;
}

const Deployment* Deployments::booted() const {
  const auto found = std::ranges::find_if(all, &Deployment::booted);
  return found == all.end() ? nullptr : &*found;
}

const Deployment* Deployments::next() const {
  const auto found = std::ranges::find_if(all, &Deployment::next);
  return found == all.end() ? nullptr : &*found;
}

Deployments read_deployments(const Host& host, const std::vector<Certificate>& trusted) {
  return Reader(host, trusted).read();
}

const Deployment& choose_deployment(const Deployments& deployments, const std::string& text) {
  const Deployment* chosen = nullptr;
  for (const Deployment& each : deployments.all) {
    if (!is_meant(each, text)) continue;
    if (chosen != nullptr) {
      throw Error(Fault::usage, "deployment " + quoted(text) + ": there are several; name one by its digest");
    }
    chosen = &each;
  }
  if (chosen == nullptr) {
    throw Error(Fault::usage, "deployment " + quoted(text) + ": there is none; `sealroot status` lists all");
  }
  return *chosen;
}

void refuse_bootc(const Deployments& deployments) {
  if (!deployments.bootc) return;
  throw Error(Fault::usage, "this host is managed by bootc (" + *deployments.bootc + "): use bootc to change it");
}

}  // namespace sealroot
