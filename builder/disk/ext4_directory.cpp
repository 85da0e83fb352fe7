// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/disk/ext4_directory.hpp"

#include <ext2fs/ext2_fs.h>

#include <algorithm>

#include "builder/disk/ext4_format.hpp"

namespace sealroot::ext4 {
namespace {

/// struct ext2_dir_entry_2 without the name.
struct EntryHead {
  le32 inode;
  le16 record_bytes;
  std::uint8_t name_bytes;
  std::uint8_t file_type;
};
static_assert(sizeof(EntryHead) == 8 && alignof(EntryHead) == 1);

/// Every block ends with a checksum dressed up as an unused entry.
constexpr std::size_t tail_bytes = sizeof(ext2_dir_entry_tail);
constexpr std::size_t room_bytes = block_bytes - tail_bytes;

constexpr std::size_t record_bytes(std::size_t name_bytes) { return round_up(sizeof(EntryHead) + name_bytes, 4); }

class Packer {
 public:
  void add(const DirectoryEntry& entry) {
    const std::size_t needed = record_bytes(entry.name.size());
    if (used_ + needed > room_bytes) close_block();
    if (used_ == 0) blocks_.resize(blocks_.size() + block_bytes);
    last_ = blocks_.size() - block_bytes + used_;
    put(last_, entry.inode, needed, entry.file_type, entry.name);
    used_ += needed;
  }

  Bytes finish(std::uint64_t minimum_blocks) {
    close_block();
    while (blocks_.size() < minimum_blocks * block_bytes) {
      blocks_.resize(blocks_.size() + block_bytes);
      put(blocks_.size() - block_bytes, 0, room_bytes, EXT2_FT_UNKNOWN, "");
      put_tail();
    }
    return std::move(blocks_);
  }

 private:
  void put(std::size_t at, std::uint32_t inode, std::size_t record, std::uint8_t type, std::string_view name) {
    const EntryHead head{inode, static_cast<std::uint16_t>(record), static_cast<std::uint8_t>(name.size()), type};
    std::ranges::copy(bytes_of(head), blocks_.begin() + static_cast<std::ptrdiff_t>(at));
    std::ranges::copy(as_bytes(name), blocks_.begin() + static_cast<std::ptrdiff_t>(at + sizeof head));
  }

  void put_tail() {
    struct Tail {
      le32 zero;
      le16 bytes{std::uint16_t{tail_bytes}};
      le16 mark{std::uint16_t{EXT2_DIR_NAME_LEN_CSUM}};
      le32 checksum;
    };
    static_assert(sizeof(Tail) == tail_bytes);
    std::ranges::copy(bytes_of(Tail{}), blocks_.end() - tail_bytes);
  }

  /// The last entry of a block reaches up to the tail.
  void close_block() {
    if (used_ == 0) return;
    const std::size_t start = blocks_.size() - block_bytes;
    const le16 record = static_cast<std::uint16_t>(start + room_bytes - last_);
    const std::size_t at = last_ + offsetof(EntryHead, record_bytes);
    std::ranges::copy(record.raw, blocks_.begin() + static_cast<std::ptrdiff_t>(at));
    put_tail();
    used_ = 0;
  }

  Bytes blocks_;
  std::size_t used_ = 0;  // bytes of the last block, 0: there is none to fill
  std::size_t last_ = 0;  // where the last entry begins
};

}  // namespace

std::uint64_t directory_block_count(const Directory& directory) {
  std::uint64_t blocks = 1;
  std::size_t used = record_bytes(1) + record_bytes(2);
  for (const auto& [name, child] : directory.children) {
    const std::size_t needed = record_bytes(name.size());
    if (used + needed > room_bytes) {
      ++blocks;
      used = 0;
    }
    used += needed;
  }
  return blocks;
}

Bytes directory_blocks(std::uint32_t self, std::uint32_t parent, const std::vector<DirectoryEntry>& entries,
                       std::uint64_t minimum_blocks) {
  Packer packer;
  packer.add({".", self, EXT2_FT_DIR});
  packer.add({"..", parent, EXT2_FT_DIR});
  for (const DirectoryEntry& entry : entries) packer.add(entry);
  return packer.finish(minimum_blocks);
}

}  // namespace sealroot::ext4
