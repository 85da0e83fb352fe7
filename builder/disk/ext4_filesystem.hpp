// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// An ext4 file system made inside a disk image by libext2fs: geometry, block allocation, inodes, directories, xattrs.
// File contents are not its concern: allocate() says where they go, and they are written there side by side.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "builder/disk/ext4_directory.hpp"
#include "builder/disk/ext4_format.hpp"
#include "builder/disk/uuid.hpp"
#include "builder/tree/tree.hpp"
#include "store/core/fd.hpp"

struct ext2_inode_large;
struct struct_ext2_filsys;

namespace sealroot::ext4 {

struct Parameters {
  std::uint64_t offset_bytes = 0;  // of the partition on the disk
  std::uint64_t block_count = 0;
  std::uint32_t inode_count = 0;
  Uuid uuid{};
  Uuid hash_seed{};
  std::int64_t timestamp = 0;
  std::string label;
};

/// An inode as it is written. Its number is chosen by the caller, who writes each exactly once.
struct Inode {
  std::uint32_t number = 0;
  std::uint16_t type = 0;  // S_IFREG and its like
  const Metadata* metadata = nullptr;
  std::uint32_t links = 1;
  std::uint64_t size_bytes = 0;
  bool sealed = false;       // EXT4_VERITY_FL
  std::vector<Run> runs;     // blocks of regular files, directories and long symbolic links
  std::string fast_symlink;  // target of a short one
  std::uint32_t device = 0;  // DeviceNode::rdev
};

class FileSystem {
 public:
  /// Makes an empty file system without any directory; `disk` reads as zeros there and outlives this object.
  FileSystem(const Fd& disk, const Parameters& parameters);
  ~FileSystem();
  FileSystem(const FileSystem&) = delete;
  FileSystem& operator=(const FileSystem&) = delete;

  /// Blocks the data can use.
  std::uint64_t free_blocks() const;

  /// Takes the next free blocks, in as few runs as can be, and appends them to `runs`.
  void allocate(std::uint64_t logical, std::uint64_t count, std::vector<Run>& runs);

  void write_inode(const Inode& inode);

  /// Puts the blocks of a directory into place, checksums included.
  void write_directory_blocks(std::uint32_t number, const std::vector<Run>& runs, Bytes blocks);

  /// Writes what is still in memory: bitmaps, group descriptors, superblocks.
  void finish();

 private:
  void make_journal();
  void prepare_tables();
  void write_extents(std::uint32_t number, ext2_inode_large& inode, const std::vector<Run>& runs);
  void write_xattrs(std::uint32_t number, const Xattrs& xattrs);

  struct Close {
    void operator()(struct_ext2_filsys* handle) const;
  };
  std::unique_ptr<struct_ext2_filsys, Close> handle_;
  std::int64_t timestamp_;
  std::uint64_t next_block_ = 0;  // allocation never looks back
};

/// Inodes for a file system of `block_count` blocks in which `used` are taken at once: one for each 16 KiB, as mke2fs
/// gives, or a quarter more than are taken.
std::uint32_t inode_count_for(std::uint64_t block_count, std::uint32_t used);

/// Blocks of the smallest file system with room for `data_block_count` blocks and `used_inodes` inodes, rounded up
/// here and there.
std::uint64_t needed_block_count(std::uint64_t data_block_count, std::uint32_t used_inodes);

}  // namespace sealroot::ext4
