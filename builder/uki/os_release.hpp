// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The image's os-release, and the form of it that goes into the UKI: systemd-boot names and sorts boot entries by it.
// Source: os-release(5)
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sealroot {

class OsRelease {
 public:
  /// Reads shell-like assignments with quotes and escapes removed; a later one of the same name wins.
  /// Throws Error{malformed} naming the line.
  static OsRelease parse(std::string_view text);
  std::optional<std::string> find(std::string_view name) const;

 private:
  std::vector<std::pair<std::string, std::string>> values_;
};

/// Whether `name` can be part of a boot entry's file name: [A-Za-z0-9+_.-], not empty, no leading dot.
bool is_entry_name(std::string_view name);

/// `text` with IMAGE_ID and IMAGE_VERSION set to these; everything else stays as it is. Without them two builds of one
/// release would sort as equal.
///   throws  Error{usage}: a value that fails is_entry_name(); Error{malformed}: `text` is not os-release
std::string os_release_with_image(std::string_view text, std::string_view image_id, std::string_view image_version);

}  // namespace sealroot
