// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Numbers of the ext4 file systems we write. Source: Documentation/filesystems/ext4 in Linux.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sealroot::ext4 {

inline constexpr std::uint32_t block_bytes = 4096;  // fs-verity's block size: every kernel can do it
inline constexpr std::uint32_t inode_bytes = 256;
inline constexpr std::uint32_t blocks_per_group = 8 * block_bytes;
inline constexpr std::uint32_t root_inode = 2;
inline constexpr std::uint32_t first_inode = 11;
inline constexpr std::size_t fast_symlink_limit = 60;      // shorter targets stand in the inode
inline constexpr std::uint32_t max_extent_blocks = 32768;  // of an initialized extent

/// Verity metadata begins at the next multiple of this after the end of the file. Source: fs/ext4/verity.c
inline constexpr std::uint64_t verity_alignment_bytes = 65536;

constexpr std::uint64_t blocks_for(std::uint64_t size_bytes) { return (size_bytes + block_bytes - 1) / block_bytes; }

/// `count` blocks of a file from `logical` on stand on the disk from `physical` on.
struct Run {
  std::uint64_t logical;
  std::uint64_t physical;
  std::uint64_t count;
};

}  // namespace sealroot::ext4
