// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Reads the structures of a composefs image (format.hpp). The bytes may come from anyone: every offset is checked
// before it is followed, and what the writers of this family never write is refused. Views point into the image.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "store/core/bytes.hpp"
#include "store/erofs/format.hpp"
#include "store/erofs/image_format.hpp"

namespace sealroot::erofs {

struct Inode {
  std::uint64_t nid = 0;
  std::uint16_t mode = 0;
  DataLayout layout = DataLayout::flat_plain;
  std::uint32_t nlink = 0;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint32_t i_u = 0;
  std::uint32_t mtime_nanoseconds = 0;
  std::int64_t mtime_seconds = 0;
  std::uint64_t size = 0;
  std::uint64_t xattrs_offset = 0;
  std::uint64_t tail_offset = 0;  // behind inode and xattrs

  bool is(std::uint32_t type) const;  // S_IFREG and so on
  /// Of devices; 0 for all others.
  std::uint32_t rdev() const;
  bool is_whiteout() const;
};

struct DirectoryEntry {
  std::string_view name;
  std::uint64_t nid = 0;
  std::uint8_t file_type = 0;
};

struct XattrText {
  std::string name;  // with its prefix
  std::string_view value;
};

class Reader {
 public:
  /// `image` must outlive this. Error{malformed}: no composefs image, or one of a version or with features that no
  /// writer of the family uses.
  explicit Reader(ByteView image);

  ByteView image() const { return image_; }
  ImageFormat format() const { return format_; }
  std::uint64_t root_nid() const { return super_.root_nid; }
  /// More nids than any inode of the image can have.
  std::uint64_t nid_limit() const { return image_.size() / slot_size; }

  Inode inode(std::uint64_t nid) const;

  /// The names of a directory as they stand there, "." and ".." included. Error{malformed} unless they ascend and are
  /// names that a file can have.
  std::vector<DirectoryEntry> entries(const Inode& directory) const;

  /// The target of a link, or the content of a file that stands in the image.
  std::string content(const Inode& inode) const;

  /// All xattrs: those beside the inode, then the shared ones.
  std::vector<XattrText> xattrs(const Inode& inode) const;

  /// Error{malformed} if the file, which says that an object has its content, has blocks of the image as well.
  void check_chunks(const Inode& inode) const;

 private:
  ByteView bytes(std::uint64_t offset, std::uint64_t size) const;
  template <typename T>
  T at(std::uint64_t offset) const;
  template <typename Raw>
  Inode decode(std::uint64_t nid, std::uint64_t position) const;
  ByteView blocks(const Inode& inode, std::uint64_t size) const;
  void entries_of_block(ByteView block, std::vector<DirectoryEntry>& out) const;
  XattrText xattr(std::uint64_t offset, std::uint64_t end) const;

  ByteView image_;
  Superblock super_;
  ImageFormat format_ = ImageFormat::v0;
};

}  // namespace sealroot::erofs
