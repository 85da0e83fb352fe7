// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The blocks of an ext4 directory, built whole and in sorted order: adding names one by one would read the directory
// again for each of them.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "builder/tree/tree.hpp"
#include "store/core/fd.hpp"

namespace sealroot::ext4 {

struct DirectoryEntry {
  std::string_view name;
  std::uint32_t inode;
  std::uint8_t file_type;  // EXT2_FT_*
};

/// Number of blocks directory_blocks() makes for these children.
std::uint64_t directory_block_count(const Directory& directory);

/// Whole blocks, at least `minimum_blocks`, with "." and ".." in front; the checksum at the end of each is left to fill
/// in.
Bytes directory_blocks(std::uint32_t self, std::uint32_t parent, const std::vector<DirectoryEntry>& entries,
                       std::uint64_t minimum_blocks);

}  // namespace sealroot::ext4
