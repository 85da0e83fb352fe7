// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Plan -> bytes, from the first to the last, through one small buffer.
#include <sys/stat.h>

#include <algorithm>
#include <cassert>
#include <cstring>

#include "builder/image/overlay_xattrs.hpp"
#include "builder/image/pieces.hpp"
#include "builder/image/plan.hpp"

namespace sealroot::image {
namespace {

using erofs::block_size;

erofs::FileType file_type(std::uint16_t mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR:
      return erofs::FileType::directory;
    case S_IFCHR:
      return erofs::FileType::chrdev;
    case S_IFBLK:
      return erofs::FileType::blkdev;
    case S_IFIFO:
      return erofs::FileType::fifo;
    case S_IFSOCK:
      return erofs::FileType::sock;
    case S_IFLNK:
      return erofs::FileType::symlink;
    default:
      return erofs::FileType::regular;
  }
}

class Emitter {
 public:
  Emitter(const Plan& plan, const ImageOutput& output) : plan_(plan), pieces_(output) {}

  void run() {
    header();
    superblock();
    const std::uint64_t first_block = plan_.blocks_start / block_size;
    next_block_ = first_block;
    std::uint32_t number = 0;
    for (const PlannedInode& inode : plan_.inodes) {
      pieces_.pad_to(inode.position);
      header_of(inode, plan_.format == ImageFormat::v2 ? static_cast<std::uint32_t>(inode.nid()) : number++);
      xattrs_of(inode);
      tail_of(inode);
      next_block_ += inode.block_count;
    }
    pieces_.pad_to(plan_.inodes_end);
    for (const XattrId id : plan_.shared_xattrs) entry(plan_.xattrs[id]);
    next_block_ = first_block;
    for (const PlannedInode& inode : plan_.inodes) blocks_of(inode);
    pieces_.pad_to(plan_.image_size);
    pieces_.flush();
  }

 private:
  template <typename T>
  void put_struct(const T& object) {
    pieces_.put(bytes_of(object));
  }

  void header() {
    put_struct(erofs::ComposefsHeader{.magic = erofs::composefs_magic,
                                      .version = erofs::composefs_header_version,
                                      .flags = plan_.has_acl ? erofs::composefs_flag_has_acl : 0,
                                      .composefs_version = plan_.composefs_version,
                                      .unused = {}});
  }

  void superblock() {
    erofs::Superblock super{};
    super.magic = erofs::super_magic;
    super.feature_compat = erofs::feature_compat_mtime | erofs::feature_compat_xattr_filter;
    super.blkszbits = erofs::block_bits;
    super.root_nid = static_cast<std::uint16_t>(plan_.inodes[0].nid());
    super.inos = plan_.inodes.size();
    super.build_time = static_cast<std::uint64_t>(plan_.build_time_seconds);
    super.build_time_nsec = plan_.build_time_nanoseconds;
    super.blocks = static_cast<std::uint32_t>(plan_.image_size / block_size);
    super.xattr_blkaddr = static_cast<std::uint32_t>(shared_xattrs_block());
    pieces_.pad_to(erofs::super_offset);
    put_struct(super);
  }

  /// References to shared xattrs count from the start of this block.
  std::uint64_t shared_xattrs_block() const {
    return plan_.format == ImageFormat::v2 ? 0 : plan_.inodes_end / block_size;
  }

  static std::uint16_t format_of(const PlannedInode& inode) {
    erofs::DataLayout layout = inode.tail_size > 0 ? erofs::DataLayout::flat_inline : erofs::DataLayout::flat_plain;
    if (inode.data == Data::chunks) layout = erofs::DataLayout::chunk_based;
    const unsigned version = inode.compact ? erofs::inode_layout_compact : erofs::inode_layout_extended;
    return static_cast<std::uint16_t>(static_cast<unsigned>(layout) << erofs::datalayout_bit | version);
  }

  std::uint32_t i_u_of(const PlannedInode& inode) const {
    const std::uint32_t raw = inode.block_count > 0 ? static_cast<std::uint32_t>(next_block_) : rdev_of(inode);
    if (inode.data != Data::chunks) return raw;
    // Chunk format and block address share the field; of a displaced chunk list only the upper half remains.
    return (raw & 0xffff0000) | (chunk_bits_of(inode) - erofs::block_bits);
  }

  std::uint32_t rdev_of(const PlannedInode& inode) const {
    if (inode.data != Data::none || inode.node >= plan_.tree.nodes.size()) return 0;
    const DeviceNode* const device = std::get_if<DeviceNode>(&plan_.node_of(inode).content);
    return device != nullptr ? device->rdev : 0;
  }

  unsigned chunk_bits_of(const PlannedInode& inode) const {
    if (plan_.format == ImageFormat::v2) return erofs::block_bits + erofs::chunk_format_blkbits_mask;
    return chunk_bits(plan_.size_of(inode));
  }

  static std::uint16_t xattr_icount(const PlannedInode& inode) {
    if (inode.xattr_size == 0) return 0;
    return static_cast<std::uint16_t>((inode.xattr_size - sizeof(erofs::XattrHeader)) / erofs::xattr_align + 1);
  }

  void header_of(const PlannedInode& inode, std::uint32_t number) {
    const Metadata& metadata = plan_.metadata_of(inode);
    if (inode.compact) {
      put_struct(erofs::InodeCompact{.i_format = format_of(inode),
                                     .i_xattr_icount = xattr_icount(inode),
                                     .i_mode = inode.mode,
                                     .i_nlink = static_cast<std::uint16_t>(inode.nlink),
                                     .i_size = static_cast<std::uint32_t>(plan_.size_of(inode)),
                                     .i_reserved = {},
                                     .i_u = i_u_of(inode),
                                     .i_ino = number,
                                     .i_uid = static_cast<std::uint16_t>(metadata.uid),
                                     .i_gid = static_cast<std::uint16_t>(metadata.gid),
                                     .i_reserved2 = {}});
    } else {
      put_struct(erofs::InodeExtended{.i_format = format_of(inode),
                                      .i_xattr_icount = xattr_icount(inode),
                                      .i_mode = inode.mode,
                                      .i_reserved = {},
                                      .i_size = plan_.size_of(inode),
                                      .i_u = i_u_of(inode),
                                      .i_ino = number,
                                      .i_uid = metadata.uid,
                                      .i_gid = metadata.gid,
                                      .i_mtime = static_cast<std::uint64_t>(metadata.mtime_seconds),
                                      .i_mtime_nsec = plan_.mtime_nanoseconds_of(inode),
                                      .i_nlink = inode.nlink,
                                      .i_reserved2 = {}});
    }
  }

  void xattrs_of(const PlannedInode& inode) {
    if (inode.xattr_size == 0) return;
    const std::span<const XattrId> ids = plan_.xattrs_of(inode);
    const std::span<const XattrId> shared = ids.first(inode.shared_count);
    find_local_xattrs(inode, ids.subspan(inode.shared_count));
    std::uint32_t present = 0;
    for (const XattrId id : shared) present |= name_filter_bit(plan_.xattrs[id]);
    for (const Xattr& xattr : local_xattrs_) present |= name_filter_bit(xattr);
    put_struct(erofs::XattrHeader{.h_name_filter = ~present, .h_shared_count = inode.shared_count, .h_reserved2 = {}});
    const std::uint64_t base = plan_.inodes_end - block_size * shared_xattrs_block();
    for (const XattrId id : shared) {
      put_struct(le32(static_cast<std::uint32_t>((base + plan_.xattrs[id].shared_offset) / erofs::xattr_align)));
    }
    for (const Xattr& xattr : local_xattrs_) entry(xattr);
  }

  /// V2 has those that name the object first, the others sort them by name.
  void find_local_xattrs(const PlannedInode& inode, std::span<const XattrId> ids) {
    local_xattrs_.clear();
    if (inode.own_object) {
      object_ = ObjectXattrs(*plan_.node_of(inode).regular());
      local_xattrs_.push_back(plan_.xattrs.make(metacopy_name, object_.metacopy));
      if (!object_.redirect.empty()) local_xattrs_.push_back(plan_.xattrs.make(redirect_name, object_.redirect));
    }
    for (const XattrId id : ids) local_xattrs_.push_back(plan_.xattrs[id]);
    if (!inode.own_object || plan_.format == ImageFormat::v2) return;
    std::sort(local_xattrs_.begin(), local_xattrs_.end(),
              [](const Xattr& left, const Xattr& right) { return left.key < right.key; });
  }

  void entry(const Xattr& xattr) {
    put_struct(erofs::XattrEntry{.e_name_len = static_cast<std::uint8_t>(xattr.suffix().size()),
                                 .e_name_index = xattr.prefix_index,
                                 .e_value_size = static_cast<std::uint16_t>(xattr.value.size())});
    pieces_.put(as_bytes(xattr.suffix()));
    pieces_.put(as_bytes(xattr.value));
    pieces_.pad_to(round_up(pieces_.position(), erofs::xattr_align));
  }

  void tail_of(const PlannedInode& inode) {
    if (inode.tail_size == 0) return;
    switch (inode.data) {
      case Data::none:
        break;
      case Data::directory:
        dirents(dirents_after_blocks(inode));
        break;
      case Data::bytes:
        content_tail(inode);
        break;
      case Data::chunks:
        pieces_.fill(0xff, inode.tail_size);  // erofs::null_addr
        break;
    }
  }

  void blocks_of(const PlannedInode& inode) {
    if (inode.block_count == 0) return;
    pieces_.pad_to(block_size * next_block_);
    switch (inode.data) {
      case Data::none:
        break;
      case Data::directory:
        dirent_blocks(inode);
        break;
      case Data::bytes:
        content_blocks(inode);
        break;
      case Data::chunks:
        pieces_.fill(0xff, block_size);  // erofs::null_addr
        break;
    }
    next_block_ += inode.block_count;
  }

  void content_tail(const PlannedInode& inode) {
    const std::string_view content = plan_.content_of(inode);
    pieces_.put(as_bytes(content.substr(content.size() - inode.tail_size)));
  }
  void content_blocks(const PlannedInode& inode) {
    const std::string_view content = plan_.content_of(inode);
    pieces_.put(as_bytes(content.substr(0, content.size() - inode.tail_size)));
  }

  std::span<const PlannedDirent> dirents_after_blocks(const PlannedInode& inode) const {
    std::span<const PlannedDirent> left = plan_.dirents_of(inode);
    for (std::uint32_t i = 0; i < inode.block_count; ++i) left = left.subspan(dirents_in_block(left));
    return left;
  }

  void dirent_blocks(const PlannedInode& inode) {
    std::span<const PlannedDirent> left = plan_.dirents_of(inode);
    for (std::uint32_t i = 0; i < inode.block_count; ++i) {
      pieces_.pad_to(block_size * (next_block_ + i));
      const std::size_t count = dirents_in_block(left);
      dirents(left.first(count));
      left = left.subspan(count);
    }
  }

  void dirents(std::span<const PlannedDirent> block) {
    std::size_t name_offset = block.size() * sizeof(erofs::Dirent);
    for (const PlannedDirent& dirent : block) {
      const PlannedInode& target = plan_.inodes[plan_.inode_of[dirent.node]];
      put_struct(erofs::Dirent{.nid = target.nid(),
                               .nameoff = static_cast<std::uint16_t>(name_offset),
                               .file_type = static_cast<std::uint8_t>(file_type(target.mode)),
                               .reserved = 0});
      name_offset += dirent.name().size();
    }
    for (const PlannedDirent& dirent : block) pieces_.put(as_bytes(dirent.name()));
  }

  const Plan& plan_;
  Pieces pieces_;
  std::uint64_t next_block_ = 0;
  ObjectXattrs object_;
  std::vector<Xattr> local_xattrs_;  // of the inode that is written; views of object_ and of the table's text
};

}  // namespace

void emit(const Plan& plan, const ImageOutput& output) { Emitter(plan, output).run(); }

}  // namespace sealroot::image
