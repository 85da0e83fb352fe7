// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Which boot entry systemd-boot takes when nobody touches a key.
// Source: systemd-boot(7); sd-boot's boot_entry_compare()
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "upgrade/esp/boot_entry.hpp"

namespace sealroot {

/// Whether `left` stands in the menu before `right`: entries without a try left last; then by sort key, newest
/// version, last file name.
bool boots_before(const BootEntry& left, const BootEntry& right);

/// In the order of the menu. What can't be read stands last: systemd-boot does not show it.
void sort_as_menu(std::vector<BootEntry>& entries);

/// What chooses another entry than the first: patterns for file names.
struct EntryChoice {
  std::optional<std::string> variable{};  // LoaderEntryDefault
  std::optional<std::string> config{};    // `default` of loader.conf
};

/// `default` of loader/loader.conf; nullopt if it has none. Error{malformed}: larger than 64 KiB.
std::optional<std::string> read_default_pattern(const Fd& esp);

/// The one that boots; nullptr if there is none that can be read. `entries` is in the order of the menu.
///   A pattern takes the first that matches, whether it has tries left or not.
const BootEntry* find_default(const std::vector<BootEntry>& entries, const EntryChoice& choice);

}  // namespace sealroot
