// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Reads an ext4 file system inside a disk image by libext2fs, without mounting it: names, and where the blocks of files
// stand, those behind the end of a sealed file with its fs-verity metadata too.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "builder/disk/ext4_format.hpp"
#include "store/core/fd.hpp"

struct struct_ext2_filsys;

namespace sealroot::ext4 {

/// Whether the bytes at this place begin like ext2, 3 or 4.
bool looks_like_ext(const Fd& disk, std::uint64_t offset_bytes);

struct FoundInode {
  std::uint32_t number = 0;
  std::uint16_t mode = 0;
  std::uint32_t uid = 0;
  std::uint64_t size_bytes = 0;
  bool sealed = false;    // EXT4_VERITY_FL
  std::vector<Run> runs;  // of regular files, ascending; holes and unwritten blocks are in none
  std::uint64_t end = 0;  // block behind the last extent, where ext4 looks for the verity descriptor's length
};

struct FoundName {
  std::string name;
  std::uint32_t inode = 0;
};

class Reader {
 public:
  /// Throws Error{malformed}: no file system that libext2fs reads, or one larger than the partition.
  Reader(const Fd& disk, std::uint64_t offset_bytes, std::uint64_t size_bytes);
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  bool has_verity() const;
  /// The journal holds changes that the next mount puts into place: what is read here is not what will be there.
  bool needs_recovery() const;
  std::uint32_t block_size() const;
  std::uint64_t size_bytes() const;
  std::uint64_t free_bytes() const;

  /// The inode of an absolute path, by name alone: symbolic links are not followed.
  std::optional<std::uint32_t> find(std::string_view path) const;
  /// Names in a directory but `.` and `..`, sorted.
  std::vector<FoundName> list(std::uint32_t directory) const;
  FoundInode inode(std::uint32_t number) const;
  /// Bytes of a regular file from `position` on, in its blocks behind its end too; what has no block reads as zeros.
  void read(const FoundInode& inode, std::uint64_t position, std::span<std::uint8_t> out) const;

 private:
  struct Close {
    void operator()(struct_ext2_filsys* handle) const;
  };
  const Fd& disk_;
  std::uint64_t offset_bytes_;
  std::unique_ptr<struct_ext2_filsys, Close> handle_;
};

}  // namespace sealroot::ext4
