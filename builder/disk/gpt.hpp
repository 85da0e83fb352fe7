// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The partition table, by libfdisk.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "builder/disk/uuid.hpp"
#include "store/core/fd.hpp"

namespace sealroot {

inline constexpr std::string_view esp_type = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B";

/// What partitions start at and are multiples of; the tables at both ends of the disk take one each.
inline constexpr std::uint64_t partition_alignment_bytes = 1U << 20;

struct Partition {
  std::string type;  // GPT type GUID
  std::string name;
  Uuid uuid;
  std::uint64_t offset_bytes;
  std::uint64_t size_bytes;
};

/// Writes both copies of the table to `disk`, which has its final size, and nothing else.
void write_gpt(const Fd& disk, const Uuid& disk_uuid, const std::vector<Partition>& partitions);

}  // namespace sealroot
