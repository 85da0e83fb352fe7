// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "upgrade/select.hpp"

#include <algorithm>

#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "upgrade/esp/write_entry.hpp"

namespace sealroot {
namespace {

/// systemd-bless-boot may rename entries at the same time, without our lock.
constexpr int max_rounds = 256;

std::optional<EntryTries> counter(unsigned tries) {
  if (tries == 0) return std::nullopt;
  return EntryTries{tries, 0};
}

/// Whether `left` stands before `right` when both have no try left.
bool falls_back_before(BootEntry left, BootEntry right) {
  left.name.tries = right.name.tries = EntryTries{0, 0};
  return boots_before(left, right);
}

class Selection {
 public:
  Selection(const Host& host, const std::vector<Certificate>& trusted, const Digest& image, unsigned tries)
      : host_(host), trusted_(trusted), image_(image), tries_(tries) {}

  /// One change; false if there is nothing left to do. After each the ESP is read again.
  bool advance() {
    menu_ = list_boot_entries(host_.esp, trusted_).entries;
    sort_as_menu(menu_);
    const auto wanted = std::ranges::find_if(menu_, [&](const BootEntry& entry) { return boots(entry, image_); });
    if (wanted == menu_.end()) {
      throw Error(Fault::missing, "image " + to_hex(image_) + " has no boot entry that can be read");
    }
    if (!wanted->has_tries_left()) {
      rename_boot_entry(host_.esp, wanted->file_name, {wanted->name.base, counter(tries_)});
      return true;
    }
    if (wanted == menu_.begin()) return false;
    if (wanted->name.tries && clear_way_back()) return true;
    rename_boot_entry(host_.esp, menu_.front().file_name, {menu_.front().name.base, EntryTries{0, 0}});
    return true;
  }

  std::vector<std::string> obstacles() const {
    std::vector<std::string> found;
    const EntryChoice choice{host_.variables.entry_default, read_default_pattern(host_.esp)};
    const BootEntry* const next = find_default(menu_, choice);
    if (next == nullptr || boots(*next, image_)) return found;
    const std::string why = choice.variable ? "LoaderEntryDefault (bootctl set-default)" : "loader.conf";
    found.push_back(why + " makes systemd-boot take " + quoted(next->file_name) + " all the same");
    return found;
  }

 private:
  static bool boots(const BootEntry& entry, const Digest& image) { return !entry.defect && entry.uki.image == image; }

  /// Entries that failed before and would be tried again in front of the one that is now first. Their images and state
  /// stay for gc.
  bool clear_way_back() {
    const BootEntry& way_back = menu_.front();
    for (const BootEntry& entry : menu_) {
      if (entry.defect || !entry.failed() || boots(entry, image_) || !falls_back_before(entry, way_back)) continue;
      if (host_.booted && boots(entry, *host_.booted)) continue;
      set_mark(host_.sysroot, Mark::failed, *entry.uki.image, true);
      remove_boot_entry(host_.esp, entry.file_name);
      return true;
    }
    return false;
  }

  const Host& host_;
  const std::vector<Certificate>& trusted_;
  const Digest& image_;
  unsigned tries_;
  std::vector<BootEntry> menu_;
};

}  // namespace

std::vector<std::string> make_next(const Host& host, const std::vector<Certificate>& trusted, const Digest& image,
                                   unsigned tries) {
  return during("choosing what boots next", [&] {
    Selection selection(host, trusted, image, tries);
    for (int round = 0; selection.advance(); ++round) {
      if (round == max_rounds) throw Error(Fault::busy, "somebody else changes the boot entries; try again");
    }
    return selection.obstacles();
  });
}

}  // namespace sealroot
