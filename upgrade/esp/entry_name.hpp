// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// File names of boot entries below EFI/Linux, and the counters of systemd-boot in them:
//
//   web_42_a07ccebfded6919d.efi        good: it has booted, or is not counted
//   web_42_a07ccebfded6919d+3-0.efi    three tries left, none made
//   web_42_a07ccebfded6919d+0-3.efi    failed: sorted last
//   web_42_a07ccebfded6919d+0-0.efi    held back: sorted last, but no boot of it failed
//
// Source: https://uapi-group.org/specifications/specs/boot_loader_specification/, "Boot counting"
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "store/core/digest.hpp"

namespace sealroot {

struct EntryTries {
  unsigned left = 0;
  unsigned done = 0;
};

struct EntryName {
  std::string base;  // without counter and `.efi`
  std::optional<EntryTries> tries{};
};

/// Reads a file name as systemd-boot does; nullopt if it does not end in `.efi`, in either case.
std::optional<EntryName> try_parse_entry_name(std::string_view file_name);

/// Whether entry_base_name() can have made it.
bool is_own_base_name(std::string_view base);

/// The file name, `.efi` in lower case.
std::string entry_file_name(const EntryName& name);

/// `IMAGE_ID_VERSION_` and 16 digits of the digest: nothing in it comes from a file name, and since two images never
/// share it, it is never used again for another one.
///   throws  Error{malformed}: id or version have characters that names on an ESP can't have, or are too long
std::string entry_base_name(std::string_view image_id, std::string_view version, const Digest& image);

}  // namespace sealroot
