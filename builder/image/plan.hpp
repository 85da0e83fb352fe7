// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The plan of an image: what the phases of make_image() hand to each other. Views in it point into the tree or into
// the plan's own xattr table.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "builder/image/image.hpp"
#include "builder/image/survey.hpp"
#include "builder/image/xattr_table.hpp"
#include "builder/tree/tree.hpp"
#include "store/erofs/format.hpp"

namespace sealroot::image {

/// What an inode's data is made of.
enum class Data : std::uint8_t { none, directory, bytes, chunks };

struct PlannedInode {
  // collect
  std::uint16_t mode = 0;
  Data data = Data::none;
  bool has_digest = false;  // Data::chunks
  bool compact = false;     // layout
  std::uint32_t nlink = 1;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint32_t rdev = 0;
  std::uint32_t mtime_nanoseconds = 0;
  std::int64_t mtime_seconds = 0;
  std::uint64_t size = 0;    // directories: layout
  std::string_view content;  // Data::bytes: file content or link target
  std::uint32_t first_dirent = 0;
  std::uint32_t dirent_count = 0;
  std::uint32_t first_xattr = 0;
  std::uint16_t xattr_count = 0;
  // layout
  std::uint16_t shared_count = 0;
  std::uint32_t xattr_size = 0;
  std::uint32_t tail_size = 0;  // bytes that follow the inode and its xattrs
  std::uint32_t chunk_bits = 0;
  std::uint32_t first_block = 0;  // block_count blocks elsewhere in the image come before the tail
  std::uint32_t block_count = 0;
  std::uint64_t position = 0;

  std::uint64_t nid() const { return position / erofs::slot_size; }
  std::uint32_t inode_size() const { return compact ? sizeof(erofs::InodeCompact) : sizeof(erofs::InodeExtended); }
};

struct PlannedDirent {
  std::string_view name;
  NodeId node;  // stubs count on from the tree's last node
};

struct Plan {
  explicit Plan(ImageFormat image_format)
      : format(image_format),
        xattrs(image_format == ImageFormat::v2 ? PrefixTable::all : PrefixTable::without_lustre) {}

  ImageFormat format;
  // collect
  XattrTable xattrs;
  std::vector<PlannedInode> inodes;     // in the order of the image, root first
  std::vector<std::uint32_t> inode_of;  // by NodeId: index into inodes
  std::vector<PlannedDirent> dirents;   // of all directories, "." and ".." included
  std::vector<XattrId> xattr_ids;       // of all inodes; layout moves an inode's shared ones to the front
  std::int64_t build_time_seconds = 0;
  std::uint32_t build_time_nanoseconds = 0;
  std::uint32_t composefs_version = 0;
  bool has_acl = false;
  // layout
  std::vector<XattrId> shared_xattrs;  // in the order of the image
  std::uint64_t inodes_end = 0;
  std::uint64_t blocks_start = 0;
  std::uint64_t image_size = 0;

  std::span<const PlannedDirent> dirents_of(const PlannedInode& inode) const {
    return std::span(dirents).subspan(inode.first_dirent, inode.dirent_count);
  }
  std::span<const XattrId> xattrs_of(const PlannedInode& inode) const {
    return std::span(xattr_ids).subspan(inode.first_xattr, inode.xattr_count);
  }
};

/// Phase 2: inodes, dirents and xattrs.
Plan collect(const Tree& tree, const Survey& survey, ImageFormat format);
/// Phase 3: all offsets.
void lay_out(Plan& plan);
/// Phase 4: bytes.
Bytes emit(const Plan& plan);

/// How many of `dirents`, from the first on, one block holds.
std::size_t dirents_in_block(std::span<const PlannedDirent> dirents);

}  // namespace sealroot::image
