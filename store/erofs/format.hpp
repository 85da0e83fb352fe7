// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The EROFS structures that composefs images are made of, with the kernel's field names. Writer and reader share
// them. Sources: linux/fs/erofs/erofs_fs.h, https://erofs.docs.kernel.org/en/latest/core_ondisk.html
//
//   0     ComposefsHeader
//   1024  Superblock
//   1152  inodes, each on a 32-byte slot: inode | xattr header, shared refs, local xattrs | tail (data < 1 block)
//         shared xattrs (V0, V1)
//         blocks of 4096 bytes: directories, symbolic links and inline contents that have no room beside the inode
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "store/core/bytes.hpp"

namespace sealroot::erofs {

inline constexpr std::uint32_t composefs_magic = 0xd078629a;
inline constexpr std::uint32_t composefs_header_version = 1;
inline constexpr std::uint32_t composefs_flag_has_acl = 1;

inline constexpr std::uint64_t super_offset = 1024;
inline constexpr std::uint32_t super_magic = 0xE0F5E1E2;
inline constexpr std::uint32_t feature_compat_mtime = 2;
inline constexpr std::uint32_t feature_compat_xattr_filter = 4;

inline constexpr unsigned block_bits = 12;
inline constexpr std::uint64_t block_size = std::uint64_t{1} << block_bits;
/// Inodes start on slots; a nid is the number of the slot.
inline constexpr std::uint64_t slot_size = 32;

/// At byte 0 of the image; EROFS itself leaves the first 1024 bytes alone.
struct ComposefsHeader {
  le32 magic;
  le32 version;
  le32 flags;
  le32 composefs_version;
  std::array<le32, 4> unused;
};
static_assert(sizeof(ComposefsHeader) == 32 && alignof(ComposefsHeader) == 1);
static_assert(std::has_unique_object_representations_v<ComposefsHeader>);

/// At super_offset.
struct Superblock {
  le32 magic;
  le32 checksum;
  le32 feature_compat;
  std::uint8_t blkszbits;
  std::uint8_t sb_extslots;
  le16 root_nid;
  le64 inos;
  le64 build_time;
  le32 build_time_nsec;
  le32 blocks;
  le32 meta_blkaddr;
  le32 xattr_blkaddr;
  std::array<std::uint8_t, 16> uuid;
  std::array<std::uint8_t, 16> volume_name;
  le32 feature_incompat;
  le16 available_compr_algs;
  le16 extra_devices;
  le16 devt_slotoff;
  std::uint8_t dirblkbits;
  std::uint8_t xattr_prefix_count;
  le32 xattr_prefix_start;
  le64 packed_nid;
  std::uint8_t xattr_filter_reserved;
  std::array<std::uint8_t, 23> reserved2;
};
static_assert(sizeof(Superblock) == 128 && alignof(Superblock) == 1);
static_assert(offsetof(Superblock, root_nid) == 14 && offsetof(Superblock, xattr_blkaddr) == 44);
static_assert(offsetof(Superblock, packed_nid) == 96);
static_assert(std::has_unique_object_representations_v<Superblock>);

/// Where the first inode stands.
inline constexpr std::uint64_t inodes_offset = super_offset + sizeof(Superblock);

/// i_format: bit 0 is the layout of the inode itself, bits 1-3 say where its data is.
inline constexpr std::uint16_t inode_layout_compact = 0;
inline constexpr std::uint16_t inode_layout_extended = 1;
inline constexpr unsigned datalayout_bit = 1;
inline constexpr std::uint16_t datalayout_mask = 7;
enum class DataLayout : std::uint16_t { flat_plain = 0, flat_inline = 2, chunk_based = 4 };

/// i_u is raw_blkaddr, rdev or, in the low 16 bits, the chunk format: log2 of blocks in a chunk.
inline constexpr std::uint32_t chunk_format_blkbits_mask = 0x1f;
/// A chunk without blocks: zeros, or here what overlayfs takes from the object.
inline constexpr std::uint32_t null_addr = 0xffffffff;

struct InodeCompact {
  le16 i_format;
  le16 i_xattr_icount;
  le16 i_mode;
  le16 i_nlink;
  le32 i_size;
  le32 i_reserved;
  le32 i_u;
  le32 i_ino;
  le16 i_uid;
  le16 i_gid;
  le32 i_reserved2;
};
static_assert(sizeof(InodeCompact) == 32 && alignof(InodeCompact) == 1);
static_assert(offsetof(InodeCompact, i_u) == 16 && offsetof(InodeCompact, i_uid) == 24);
static_assert(std::has_unique_object_representations_v<InodeCompact>);

struct InodeExtended {
  le16 i_format;
  le16 i_xattr_icount;
  le16 i_mode;
  le16 i_reserved;
  le64 i_size;
  le32 i_u;
  le32 i_ino;
  le32 i_uid;
  le32 i_gid;
  le64 i_mtime;
  le32 i_mtime_nsec;
  le32 i_nlink;
  std::array<std::uint8_t, 16> i_reserved2;
};
static_assert(sizeof(InodeExtended) == 64 && alignof(InodeExtended) == 1);
static_assert(offsetof(InodeExtended, i_u) == 16 && offsetof(InodeExtended, i_mtime) == 32);
static_assert(std::has_unique_object_representations_v<InodeExtended>);

/// In front of an inode's xattrs; h_shared_count le32 references follow, then the local entries.
struct XattrHeader {
  le32 h_name_filter;
  std::uint8_t h_shared_count;
  std::array<std::uint8_t, 7> h_reserved2;
};
static_assert(sizeof(XattrHeader) == 12 && alignof(XattrHeader) == 1);
static_assert(std::has_unique_object_representations_v<XattrHeader>);

/// In front of e_name_len bytes of name and e_value_size bytes of value, padded to xattr_align.
struct XattrEntry {
  std::uint8_t e_name_len;
  std::uint8_t e_name_index;
  le16 e_value_size;
};
static_assert(sizeof(XattrEntry) == 4 && alignof(XattrEntry) == 1);
static_assert(std::has_unique_object_representations_v<XattrEntry>);

inline constexpr std::uint64_t xattr_align = 4;
inline constexpr std::uint32_t xattr_filter_seed = 0x25BBE08F;
inline constexpr std::uint32_t xattr_filter_bits = 32;

/// What e_name_index stands for.
inline constexpr std::array<std::string_view, 7> xattr_prefixes{
    "", "user.", "system.posix_acl_access", "system.posix_acl_default", "trusted.", "lustre.", "security."};
inline constexpr std::uint8_t xattr_index_lustre = 5;

/// In front of the names in each block of a directory.
struct Dirent {
  le64 nid;
  le16 nameoff;
  std::uint8_t file_type;
  std::uint8_t reserved;
};
static_assert(sizeof(Dirent) == 12 && alignof(Dirent) == 1);
static_assert(std::has_unique_object_representations_v<Dirent>);

/// Values of Dirent::file_type.
enum class FileType : std::uint8_t { regular = 1, directory, chrdev, blkdev, fifo, sock, symlink };

}  // namespace sealroot::erofs
