// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Plan -> bytes. The buffer has its final size and is all zero from the start, so padding needs no writing.
#include <sys/stat.h>

#include <algorithm>
#include <cassert>
#include <cstring>

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
  explicit Emitter(const Plan& plan) : plan_(plan), image_(plan.image_size) {}

  Bytes run() {
    header();
    superblock();
    std::uint32_t number = 0;
    for (const PlannedInode& inode : plan_.inodes) {
      position_ = inode.position;
      header_of(inode, plan_.format == ImageFormat::v2 ? static_cast<std::uint32_t>(inode.nid()) : number++);
      xattrs_of(inode);
      tail_of(inode);
      blocks_of(inode);
    }
    position_ = plan_.inodes_end;
    for (const XattrId id : plan_.shared_xattrs) entry(plan_.xattrs[id]);
    return std::move(image_);
  }

 private:
  void put(ByteView bytes) {
    assert(position_ + bytes.size() <= image_.size());
    if (!bytes.empty()) std::memcpy(image_.data() + position_, bytes.data(), bytes.size());
    position_ += bytes.size();
  }
  template <typename T>
  void put_struct(const T& object) {
    put(bytes_of(object));
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
    super.root_nid = static_cast<std::uint16_t>(plan_.inodes.front().nid());
    super.inos = plan_.inodes.size();
    super.build_time = static_cast<std::uint64_t>(plan_.build_time_seconds);
    super.build_time_nsec = plan_.build_time_nanoseconds;
    super.blocks = static_cast<std::uint32_t>(plan_.image_size / block_size);
    super.xattr_blkaddr = static_cast<std::uint32_t>(shared_xattrs_block());
    position_ = erofs::super_offset;
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

  static std::uint32_t i_u_of(const PlannedInode& inode) {
    const std::uint32_t raw = inode.block_count > 0 ? inode.first_block : inode.rdev;
    if (inode.data != Data::chunks) return raw;
    // Chunk format and block address share the field; of a displaced chunk list only the upper half remains.
    return (raw & 0xffff0000) | (inode.chunk_bits - erofs::block_bits);
  }

  static std::uint16_t xattr_icount(const PlannedInode& inode) {
    if (inode.xattr_size == 0) return 0;
    return static_cast<std::uint16_t>((inode.xattr_size - sizeof(erofs::XattrHeader)) / erofs::xattr_align + 1);
  }

  void header_of(const PlannedInode& inode, std::uint32_t number) {
    if (inode.compact) {
      put_struct(erofs::InodeCompact{.i_format = format_of(inode),
                                     .i_xattr_icount = xattr_icount(inode),
                                     .i_mode = inode.mode,
                                     .i_nlink = static_cast<std::uint16_t>(inode.nlink),
                                     .i_size = static_cast<std::uint32_t>(inode.size),
                                     .i_reserved = {},
                                     .i_u = i_u_of(inode),
                                     .i_ino = number,
                                     .i_uid = static_cast<std::uint16_t>(inode.uid),
                                     .i_gid = static_cast<std::uint16_t>(inode.gid),
                                     .i_reserved2 = {}});
    } else {
      put_struct(erofs::InodeExtended{.i_format = format_of(inode),
                                      .i_xattr_icount = xattr_icount(inode),
                                      .i_mode = inode.mode,
                                      .i_reserved = {},
                                      .i_size = inode.size,
                                      .i_u = i_u_of(inode),
                                      .i_ino = number,
                                      .i_uid = inode.uid,
                                      .i_gid = inode.gid,
                                      .i_mtime = static_cast<std::uint64_t>(inode.mtime_seconds),
                                      .i_mtime_nsec = inode.mtime_nanoseconds,
                                      .i_nlink = inode.nlink,
                                      .i_reserved2 = {}});
    }
  }

  void xattrs_of(const PlannedInode& inode) {
    if (inode.xattr_size == 0) return;
    const std::span<const XattrId> ids = plan_.xattrs_of(inode);
    std::uint32_t present = 0;
    for (const XattrId id : ids) present |= name_filter_bit(plan_.xattrs[id]);
    put_struct(erofs::XattrHeader{
        .h_name_filter = ~present, .h_shared_count = static_cast<std::uint8_t>(inode.shared_count), .h_reserved2 = {}});
    const std::uint64_t base = plan_.inodes_end - block_size * shared_xattrs_block();
    for (const XattrId id : ids.first(inode.shared_count)) {
      put_struct(le32(static_cast<std::uint32_t>((base + plan_.xattrs[id].shared_offset) / erofs::xattr_align)));
    }
    for (const XattrId id : ids.subspan(inode.shared_count)) entry(plan_.xattrs[id]);
  }

  void entry(const Xattr& xattr) {
    put_struct(erofs::XattrEntry{.e_name_len = static_cast<std::uint8_t>(xattr.suffix().size()),
                                 .e_name_index = xattr.prefix_index,
                                 .e_value_size = static_cast<std::uint16_t>(xattr.value.size())});
    put(as_bytes(xattr.suffix()));
    put(as_bytes(xattr.value));
    position_ = round_up(position_, erofs::xattr_align);
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
        put(as_bytes(inode.content.substr(inode.content.size() - inode.tail_size)));
        break;
      case Data::chunks:
        null_chunks(inode.tail_size / sizeof(erofs::null_addr));
        break;
    }
  }

  void blocks_of(const PlannedInode& inode) {
    if (inode.block_count == 0) return;
    position_ = block_size * inode.first_block;
    switch (inode.data) {
      case Data::none:
        break;
      case Data::directory:
        dirent_blocks(inode);
        break;
      case Data::bytes:
        put(as_bytes(inode.content.substr(0, inode.content.size() - inode.tail_size)));
        break;
      case Data::chunks:
        null_chunks(block_size / sizeof(erofs::null_addr));
        break;
    }
  }

  std::span<const PlannedDirent> dirents_after_blocks(const PlannedInode& inode) const {
    std::span<const PlannedDirent> left = plan_.dirents_of(inode);
    for (std::uint32_t i = 0; i < inode.block_count; ++i) left = left.subspan(dirents_in_block(left));
    return left;
  }

  void dirent_blocks(const PlannedInode& inode) {
    std::span<const PlannedDirent> left = plan_.dirents_of(inode);
    for (std::uint32_t i = 0; i < inode.block_count; ++i) {
      position_ = block_size * (inode.first_block + i);
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
      name_offset += dirent.name.size();
    }
    for (const PlannedDirent& dirent : block) put(as_bytes(dirent.name));
  }

  void null_chunks(std::size_t count) {
    std::fill_n(image_.begin() + static_cast<std::ptrdiff_t>(position_), count * sizeof(erofs::null_addr), 0xff);
    position_ += count * sizeof(erofs::null_addr);
  }

  const Plan& plan_;
  Bytes image_;
  std::uint64_t position_ = 0;
};

}  // namespace

Bytes emit(const Plan& plan) { return Emitter(plan).run(); }

}  // namespace sealroot::image
