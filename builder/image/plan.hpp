// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The plan of an image: what the phases of make_image() hand to each other. Views in it point into the tree or into
// the plan's own xattr table, and the tree stays for as long as the plan.
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

/// What the tree says of the node is not repeated here: there may be a million of these.
struct PlannedInode {
  // collect
  NodeId node = root_node;  // stubs count on from the tree's last node
  std::uint32_t nlink = 1;
  std::uint16_t mode = 0;
  std::uint16_t xattr_count = 0;
  Data data = Data::none;
  bool own_object = false;        // its xattrs that name the object are no other inode's, and not among xattr_ids
  bool compact = false;           // layout
  std::uint8_t shared_count = 0;  // layout
  std::uint32_t first_xattr = 0;
  std::uint32_t first_dirent = 0;
  std::uint32_t dirent_count = 0;
  // layout
  std::uint32_t xattr_size = 0;
  std::uint32_t tail_size = 0;    // bytes that follow the inode and its xattrs
  std::uint32_t block_count = 0;  // elsewhere in the image, in the order of the inodes, come before the tail
  std::uint64_t position = 0;

  std::uint64_t nid() const { return position / erofs::slot_size; }
  std::uint32_t inode_size() const { return compact ? sizeof(erofs::InodeCompact) : sizeof(erofs::InodeExtended); }
};

struct PlannedDirent {
  PlannedDirent(std::string_view text, NodeId target)
      : start(text.data()), node(target), size(static_cast<std::uint8_t>(text.size())) {}

  std::string_view name() const { return {start, size}; }

  const char* start;
  NodeId node;  // stubs count on from the tree's last node
  std::uint8_t size;
};

struct Plan {
  Plan(const Tree& planned_tree, ImageFormat image_format)
      : tree(planned_tree),
        format(image_format),
        xattrs(image_format == ImageFormat::v2 ? PrefixTable::all : PrefixTable::without_lustre) {}

  const Tree& tree;
  ImageFormat format;
  // collect
  XattrTable xattrs;
  SpillTable<PlannedInode> inodes;     // in the order of the image, root first
  SpillTable<std::uint32_t> inode_of;  // by NodeId: index into inodes
  SpillVector<PlannedDirent> dirents;  // of all directories, "." and ".." included
  SpillVector<XattrId> xattr_ids;      // of all inodes; layout moves an inode's shared ones to the front
  std::int64_t build_time_seconds = 0;
  std::uint32_t build_time_nanoseconds = 0;
  std::uint32_t composefs_version = 0;
  bool has_acl = false;
  // layout
  SpillVector<XattrId> shared_xattrs;  // in the order of the image
  std::uint64_t inodes_end = 0;
  std::uint64_t blocks_start = 0;
  std::uint64_t image_size = 0;

  std::span<const PlannedDirent> dirents_of(const PlannedInode& inode) const {
    return std::span(dirents).subspan(inode.first_dirent, inode.dirent_count);
  }
  std::span<const XattrId> xattrs_of(const PlannedInode& inode) const {
    return std::span(xattr_ids).subspan(inode.first_xattr, inode.xattr_count);
  }
  const Node& node_of(const PlannedInode& inode) const { return tree[inode.node]; }
  /// A stub's is that of the root.
  const Metadata& metadata_of(const PlannedInode& inode) const {
    return tree[inode.node < tree.nodes.size() ? inode.node : root_node].metadata;
  }
  std::uint32_t mtime_nanoseconds_of(const PlannedInode& inode) const {
    return format == ImageFormat::v2 ? 0 : metadata_of(inode).mtime_nanoseconds;
  }
  /// Data::bytes: file content or link target.
  std::string_view content_of(const PlannedInode& inode) const {
    const Symlink* const link = node_of(inode).symlink();
    return link != nullptr ? link->target : node_of(inode).regular()->inline_content;
  }
  /// Of directories not before they are laid out.
  std::uint64_t size_of(const PlannedInode& inode) const;
};

/// Phase 2: inodes, dirents and xattrs.
Plan collect(const Tree& tree, const Survey& survey, ImageFormat format);
/// Phase 3: all offsets.
void lay_out(Plan& plan);
/// Phase 4: bytes, in order.
void emit(const Plan& plan, const ImageOutput& output);

/// How many of `dirents`, from the first on, one block holds.
std::size_t dirents_in_block(std::span<const PlannedDirent> dirents);

}  // namespace sealroot::image
