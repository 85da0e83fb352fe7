// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "upgrade/esp/entry_order.hpp"

#include <fnmatch.h>

#include <algorithm>

#include "builder/boot_roots.hpp"
#include "builder/disk/esp.hpp"
#include "store/core/error.hpp"
#include "upgrade/esp/version_order.hpp"

namespace sealroot {
namespace {

constexpr std::uint64_t max_config_bytes = std::uint64_t{64} << 10;

/// A pattern may be meant for the name with the counter or for the one without.
bool matches(const BootEntry& entry, const std::string& pattern) {
  const EntryName plain{entry.name.base, std::nullopt};
  const std::string folded = fold_case(pattern);
  return ::fnmatch(folded.c_str(), fold_case(entry.file_name).c_str(), 0) == 0 ||
         ::fnmatch(folded.c_str(), fold_case(entry_file_name(plain)).c_str(), 0) == 0;
}

}  // namespace

bool boots_before(const BootEntry& left, const BootEntry& right) {
  if (left.defect.has_value() != right.defect.has_value()) return !left.defect.has_value();
  if (left.has_tries_left() != right.has_tries_left()) return left.has_tries_left();
  if (left.uki.image_id.empty() != right.uki.image_id.empty()) return !left.uki.image_id.empty();
  if (left.uki.image_id != right.uki.image_id) return left.uki.image_id < right.uki.image_id;
  if (const auto order = compare_versions(left.uki.version, right.uki.version); order != 0) return order > 0;
  if (const auto order = compare_versions(fold_case(left.file_name), fold_case(right.file_name)); order != 0) {
    return order > 0;
  }
  return left.file_name < right.file_name;
}

void sort_as_menu(std::vector<BootEntry>& entries) { std::ranges::sort(entries, boots_before); }

std::optional<std::string> read_default_pattern(const Fd& esp) {
  const auto file = try_open_beneath(esp, "loader/loader.conf", O_RDONLY | O_NONBLOCK);
  if (!file) return std::nullopt;
  const Bytes content = during("'loader/loader.conf'", [&] { return read_all(*file, max_config_bytes); });
  std::optional<std::string> pattern;
  read_boot_lines(as_text(content), [&](std::string_view key, std::string_view value) {
    if (key == "default" && !value.empty()) pattern = value;
  });
  return pattern;
}

const BootEntry* find_default(const std::vector<BootEntry>& entries, const EntryChoice& choice) {
  for (const auto& pattern : {choice.variable, choice.config}) {
    if (!pattern) continue;
    for (const BootEntry& entry : entries) {
      if (!entry.defect && matches(entry, *pattern)) return &entry;
    }
  }
  return entries.empty() || entries.front().defect ? nullptr : &entries.front();
}

}  // namespace sealroot
