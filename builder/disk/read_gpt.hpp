// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Reader of partition tables of disk images from anyone. Sectors have 512 bytes, as everywhere in disk images.
// Source: UEFI specification, sections 5.2 and 5.3
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "store/core/fd.hpp"

namespace sealroot {

struct FoundPartition {
  unsigned number = 0;  // from 1
  std::string type;     // GUIDs in upper case
  std::string uuid;
  std::string name;  // ASCII; anything else as `?`
  std::uint64_t offset_bytes = 0;
  std::uint64_t size_bytes = 0;
};

struct FoundTable {
  std::uint64_t disk_bytes = 0;
  std::string disk_uuid;
  std::vector<FoundPartition> partitions;  // by number
  /// What the table should not have: a damaged or different backup, boot code, partitions in the MBR beside the
  /// protective one, partitions that overlap.
  std::vector<std::string> defects;
};

/// Whether the file begins like a disk with a GPT.
bool looks_like_disk(const Fd& disk);

/// The primary table, checked as the kernel does: signature, both CRCs, place, size.
///   throws  Error{malformed}: it can't be used. A damaged one is not replaced by the backup, as the kernel does not.
FoundTable read_gpt(const Fd& disk);

/// Bytes of the disk; Error{malformed} if it ends before.
Bytes read_disk(const Fd& disk, std::uint64_t offset_bytes, std::size_t size_bytes);

}  // namespace sealroot
