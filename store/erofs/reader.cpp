// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/erofs/reader.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cstring>

#include "store/core/error.hpp"

namespace sealroot::erofs {
namespace {

Error bad(const std::string& reason) { return {Fault::malformed, reason}; }

void check_name(std::string_view name, const std::vector<DirectoryEntry>& before) {
  if (name.empty() || name.size() > 255) throw bad("file name of no or more than 255 bytes");
  if (name.find('/') != std::string_view::npos || name.find('\0') != std::string_view::npos) {
    throw bad("'/' or NUL in a file name");
  }
  if (!before.empty() && before.back().name >= name) throw bad("names out of order at " + quoted(name));
}

/// LCFS_INLINE_CONTENT_MAX of mkcomposefs; targets of links are shorter.
constexpr std::uint64_t max_content_size = 5000;

bool is_device(std::uint16_t mode) { return (mode & S_IFMT) == S_IFCHR || (mode & S_IFMT) == S_IFBLK; }

}  // namespace

bool Inode::is(std::uint32_t type) const { return (mode & S_IFMT) == type; }
std::uint32_t Inode::rdev() const { return is_device(mode) ? i_u : 0; }
bool Inode::is_whiteout() const { return is(S_IFCHR) && i_u == 0; }

ByteView Reader::bytes(std::uint64_t offset, std::uint64_t size) const {
  if (offset > image_.size() || size > image_.size() - offset) throw bad("leads beyond the end of the image");
  return image_.subspan(offset, size);
}

template <typename T>
T Reader::at(std::uint64_t offset) const {
  T object;
  std::memcpy(&object, bytes(offset, sizeof(T)).data(), sizeof(T));
  return object;
}

Reader::Reader(ByteView image) : image_(image) {
  if (image.size() < block_size) throw bad("not a composefs image: shorter than a block");
  const auto header = at<ComposefsHeader>(0);
  super_ = at<Superblock>(super_offset);
  if (header.magic != composefs_magic || super_.magic != super_magic) throw bad("not a composefs image");
  if (header.version != composefs_header_version || header.composefs_version > 2) {
    throw bad("composefs image of an unknown version");
  }
  format_ = static_cast<ImageFormat>(std::uint32_t{header.composefs_version});
  if (super_.blkszbits != block_bits || super_.dirblkbits != 0 || super_.sb_extslots != 0 || super_.meta_blkaddr != 0 ||
      super_.feature_incompat != 0 || super_.extra_devices != 0) {
    throw bad("image with EROFS features that composefs does not use");
  }
  if (block_size * super_.blocks != image.size()) throw bad("image of another size than it says");
}

Inode Reader::inode(std::uint64_t nid) const {
  if (nid >= nid_limit() || nid < inodes_offset / slot_size) throw bad("inode outside the image");
  const std::uint64_t position = nid * slot_size;
  const std::uint16_t format = at<le16>(position);
  return (format & 1U) == inode_layout_compact ? decode<InodeCompact>(nid, position)
                                               : decode<InodeExtended>(nid, position);
}

template <typename Raw>
Inode Reader::decode(std::uint64_t nid, std::uint64_t position) const {
  const auto raw = at<Raw>(position);
  const unsigned layout = std::uint16_t{raw.i_format} >> datalayout_bit;
  if (layout != 0 && layout != 2 && layout != 4) throw bad("inode with an unknown layout of data");
  Inode inode{.nid = nid,
              .mode = raw.i_mode,
              .layout = static_cast<DataLayout>(layout),
              .nlink = raw.i_nlink,
              .uid = raw.i_uid,
              .gid = raw.i_gid,
              .i_u = raw.i_u,
              .size = raw.i_size};
  if constexpr (std::is_same_v<Raw, InodeExtended>) {
    inode.mtime_seconds = static_cast<std::int64_t>(std::uint64_t{raw.i_mtime});
    inode.mtime_nanoseconds = raw.i_mtime_nsec;
  } else {
    inode.mtime_seconds = static_cast<std::int64_t>(std::uint64_t{super_.build_time});
    inode.mtime_nanoseconds = super_.build_time_nsec;
  }
  if (inode.mtime_nanoseconds >= 1'000'000'000) throw bad("inode with a second or more of nanoseconds");
  inode.xattrs_offset = position + sizeof(Raw);
  const std::uint64_t count = raw.i_xattr_icount;
  const std::uint64_t xattrs_size = count == 0 ? 0 : sizeof(XattrHeader) + xattr_align * (count - 1);
  bytes(inode.xattrs_offset, xattrs_size);
  inode.tail_offset = inode.xattrs_offset + xattrs_size;
  return inode;
}

ByteView Reader::blocks(const Inode& inode, std::uint64_t size) const {
  return size == 0 ? ByteView{} : bytes(block_size * inode.i_u, size);
}

std::vector<DirectoryEntry> Reader::entries(const Inode& directory) const {
  if (directory.layout == DataLayout::chunk_based) throw bad("directory of chunks");
  const std::uint64_t tail = directory.layout == DataLayout::flat_inline ? directory.size % block_size : 0;
  ByteView left = blocks(directory, directory.size - tail);
  std::vector<DirectoryEntry> entries;
  while (!left.empty()) {
    const std::size_t size = std::min<std::size_t>(left.size(), block_size);
    entries_of_block(left.first(size), entries);
    left = left.subspan(size);
  }
  if (tail > 0) entries_of_block(bytes(directory.tail_offset, tail), entries);
  return entries;
}

void Reader::entries_of_block(ByteView block, std::vector<DirectoryEntry>& out) const {
  const auto dirent = [&](std::size_t index) {
    Dirent raw;
    std::memcpy(&raw, block.data() + index * sizeof(Dirent), sizeof(Dirent));
    return raw;
  };
  if (block.size() < sizeof(Dirent)) throw bad("directory block too short for an entry");
  const std::size_t names_offset = dirent(0).nameoff;
  if (names_offset == 0 || names_offset % sizeof(Dirent) != 0 || names_offset >= block.size()) {
    throw bad("directory block with names at an impossible offset");
  }
  const std::size_t count = names_offset / sizeof(Dirent);
  for (std::size_t i = 0; i < count; ++i) {
    const Dirent raw = dirent(i);
    const std::size_t start = raw.nameoff;
    const bool last = i + 1 == count;
    const std::size_t end = last ? block.size() : std::size_t{dirent(i + 1).nameoff};
    if (start >= end || end > block.size() || start < names_offset) throw bad("directory block with a name out of it");
    std::string_view name = as_text(block.subspan(start, end - start));
    if (last) name = name.substr(0, name.find('\0'));  // padding follows the last name of a block
    check_name(name, out);
    out.push_back({name, raw.nid, raw.file_type});
  }
}

std::string Reader::content(const Inode& inode) const {
  if (inode.layout == DataLayout::chunk_based) throw bad("content is not in the image");
  if (inode.size > max_content_size) throw bad("more content in the image than any writer puts there");
  // V2 has contents of more than a block beside the inode as well.
  const bool whole_tail = format_ == ImageFormat::v2 && inode.layout == DataLayout::flat_inline;
  const std::uint64_t tail = inode.layout == DataLayout::flat_plain ? 0
                             : whole_tail                           ? inode.size
                                                                    : inode.size % block_size;
  std::string content(as_text(blocks(inode, inode.size - tail)));
  content += as_text(bytes(inode.tail_offset, tail));
  return content;
}

std::vector<XattrText> Reader::xattrs(const Inode& inode) const {
  std::vector<XattrText> all;
  if (inode.tail_offset == inode.xattrs_offset) return all;
  const std::size_t shared_count = at<XattrHeader>(inode.xattrs_offset).h_shared_count;
  const std::uint64_t references = inode.xattrs_offset + sizeof(XattrHeader);
  std::uint64_t offset = references + sizeof(le32) * shared_count;
  if (offset > inode.tail_offset) throw bad("more shared xattrs than there is room for");
  while (offset < inode.tail_offset) {
    all.push_back(xattr(offset, inode.tail_offset));
    const auto raw = at<XattrEntry>(offset);
    offset += round_up(std::uint64_t{sizeof(XattrEntry)} + raw.e_name_len + raw.e_value_size, xattr_align);
  }
  if (offset != inode.tail_offset) throw bad("xattrs lead beyond their inode");
  for (std::size_t i = 0; i < shared_count; ++i) {
    const std::uint64_t reference = at<le32>(references + sizeof(le32) * i);
    all.push_back(xattr(block_size * super_.xattr_blkaddr + xattr_align * reference, image_.size()));
  }
  return all;
}

XattrText Reader::xattr(std::uint64_t offset, std::uint64_t end) const {
  const auto raw = at<XattrEntry>(offset);
  const std::uint64_t name = offset + sizeof(XattrEntry);
  const std::uint64_t value = name + raw.e_name_len;
  if (value + raw.e_value_size > end) throw bad("xattr leads beyond its place");
  if (raw.e_name_index >= xattr_prefixes.size()) throw bad("xattr with an unknown prefix");
  XattrText text{std::string(xattr_prefixes[raw.e_name_index]), as_text(bytes(value, raw.e_value_size))};
  text.name += as_text(bytes(name, raw.e_name_len));
  if (text.name.empty() || text.name.size() > 255) throw bad("xattr name of no or more than 255 bytes");
  if (text.name.find('\0') != std::string::npos) throw bad("NUL in an xattr name");
  return text;
}

void Reader::check_chunks(const Inode& inode) const {
  const unsigned bits = block_bits + (inode.i_u & chunk_format_blkbits_mask);
  const std::uint64_t count = inode.size == 0 ? 0 : ((inode.size - 1) >> bits) + 1;
  const std::uint64_t size = sizeof(null_addr) * count;
  // Where the list would cross a block, writers put it into one, and lose its address (see layout.cpp); V2 may leave
  // it out. Neither is in the way: overlayfs never asks for these blocks.
  if (format_ == ImageFormat::v2 || inode.tail_offset % block_size + size > block_size) return;
  const ByteView list = bytes(inode.tail_offset, size);
  if (!std::all_of(list.begin(), list.end(), [](std::uint8_t byte) { return byte == 0xff; })) {
    throw bad("blocks of the image for a file that is in an object");
  }
}

}  // namespace sealroot::erofs
