// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/disk/ext4_reader.hpp"

#include <ext2fs/ext2fs.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "builder/disk/read_gpt.hpp"
#include "store/core/error.hpp"

namespace sealroot::ext4 {
namespace {

constexpr std::uint64_t magic_at = 1024 + 0x38;
constexpr std::size_t max_extents = std::size_t{1} << 20;
constexpr std::size_t max_names = std::size_t{1} << 20;

void check(errcode_t result, const std::string& step) {
  if (result == 0) return;
  static const bool texts_loaded = (initialize_ext2_error_table(), true);
  static_cast<void>(texts_loaded);
  throw Error(Fault::malformed, "ext4: " + step + ": " + error_message(result));
}

struct Names {
  std::vector<FoundName> found;
  bool too_many = false;
};

int add_name(ext2_dir_entry* entry, int, int, char*, void* target) {
  auto& names = *static_cast<Names*>(target);
  std::string name(entry->name, static_cast<std::size_t>(ext2fs_dirent_name_len(entry)));
  if (name == "." || name == ".." || entry->inode == 0) return 0;
  names.too_many = names.found.size() == max_names;
  if (names.too_many) return DIRENT_ABORT;
  names.found.push_back({std::move(name), entry->inode});
  return 0;
}

}  // namespace

bool looks_like_ext(const Fd& disk, std::uint64_t offset_bytes) {
  const Bytes magic = read_disk(disk, offset_bytes + magic_at, 2);
  return magic[0] == (EXT2_SUPER_MAGIC & 0xff) && magic[1] == EXT2_SUPER_MAGIC >> 8;
}

void Reader::Close::operator()(struct_ext2_filsys* handle) const { ext2fs_free(handle); }

Reader::Reader(const Fd& disk, std::uint64_t offset_bytes, std::uint64_t size_bytes)
    : disk_(disk), offset_bytes_(offset_bytes) {
  Fd own(::fcntl(disk.get(), F_DUPFD_CLOEXEC, 0));
  if (!own) throw os_error("reading the file system");
  ext2_filsys opened = nullptr;
  const std::string name = std::to_string(own.release());  // libext2fs closes it
  const std::string place = "offset=" + std::to_string(offset_bytes);
  check(ext2fs_open2(name.c_str(), place.c_str(), EXT2_FLAG_64BITS, 0, 0, unixfd_io_manager, &opened), "opening");
  handle_.reset(opened);
  if (ext2fs_blocks_count(opened->super) > size_bytes / opened->blocksize) {
    throw Error(Fault::malformed, "ext4: larger than its partition");
  }
}

Reader::~Reader() = default;

bool Reader::has_verity() const { return ext2fs_has_feature_verity(handle_->super) != 0; }
bool Reader::needs_recovery() const { return ext2fs_has_feature_journal_needs_recovery(handle_->super) != 0; }
std::uint32_t Reader::block_size() const { return handle_->blocksize; }
std::uint64_t Reader::size_bytes() const {
  return ext2fs_blocks_count(handle_->super) * std::uint64_t{handle_->blocksize};
}
std::uint64_t Reader::free_bytes() const {
  return ext2fs_free_blocks_count(handle_->super) * std::uint64_t{handle_->blocksize};
}

std::optional<std::uint32_t> Reader::find(std::string_view path) const {
  std::uint32_t at = root_inode;
  while (!path.empty()) {
    const std::string_view name = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(name.size() + 1, path.size()));
    if (name.empty()) continue;
    const std::vector<FoundName> names = list(at);
    const auto next = std::ranges::find(names, name, &FoundName::name);
    if (next == names.end()) return std::nullopt;
    at = next->inode;
  }
  return at;
}

std::vector<FoundName> Reader::list(std::uint32_t directory) const {
  ext2_inode raw{};
  check(ext2fs_read_inode(handle_.get(), directory, &raw), "reading inode " + std::to_string(directory));
  if (!S_ISDIR(raw.i_mode)) return {};
  Names names;
  check(ext2fs_dir_iterate(handle_.get(), directory, 0, nullptr, add_name, &names),
        "reading directory " + std::to_string(directory));
  if (names.too_many) throw Error(Fault::malformed, "ext4: a directory with too many names");
  std::ranges::sort(names.found, {}, &FoundName::name);
  return std::move(names.found);
}

FoundInode Reader::inode(std::uint32_t number) const {
  ext2_filsys fs = handle_.get();
  const std::string label = "inode " + std::to_string(number);
  ext2_inode raw{};
  check(ext2fs_read_inode(fs, number, &raw), "reading " + label);
  FoundInode found;
  found.number = number;
  found.mode = raw.i_mode;
  found.uid = static_cast<std::uint32_t>(inode_uid(raw));
  found.size_bytes = EXT2_I_SIZE(&raw);
  found.sealed = (raw.i_flags & EXT4_VERITY_FL) != 0;
  if (!S_ISREG(raw.i_mode) || (raw.i_flags & EXT4_EXTENTS_FL) == 0) return found;
  ext2_extent_handle_t opened = nullptr;
  check(ext2fs_extent_open2(fs, number, &raw, &opened), "reading the extents of " + label);
  const std::unique_ptr<std::remove_pointer_t<ext2_extent_handle_t>, decltype(&ext2fs_extent_free)> extents(
      opened, &ext2fs_extent_free);
  ext2fs_extent extent{};
  errcode_t result = ext2fs_extent_get(opened, EXT2_EXTENT_ROOT, &extent);
  for (std::size_t count = 0; result == 0; result = ext2fs_extent_get(opened, EXT2_EXTENT_NEXT, &extent)) {
    if (++count > max_extents) throw Error(Fault::malformed, "ext4: " + label + ": too many extents");
    if ((extent.e_flags & EXT2_EXTENT_FLAGS_LEAF) == 0) continue;
    const bool outside = extent.e_pblk + extent.e_len > ext2fs_blocks_count(fs->super);
    if (outside || extent.e_lblk < found.end) throw Error(Fault::malformed, "ext4: " + label + ": a bad extent");
    found.end = extent.e_lblk + extent.e_len;
    if ((extent.e_flags & EXT2_EXTENT_FLAGS_UNINIT) == 0) {
      found.runs.push_back({extent.e_lblk, extent.e_pblk, extent.e_len});
    }
  }
  // An empty root has no extent to stand on.
  if (result != EXT2_ET_EXTENT_NO_NEXT && result != EXT2_ET_NO_CURRENT_NODE && result != EXT2_ET_EXTENT_NOT_FOUND) {
    check(result, "reading the extents of " + label);
  }
  return found;
}

void Reader::read(const FoundInode& inode, std::uint64_t position, std::span<std::uint8_t> out) const {
  std::ranges::fill(out, std::uint8_t{0});
  const std::uint64_t block = handle_->blocksize;
  const std::uint64_t end = position + out.size();
  for (const Run& run : inode.runs) {
    const std::uint64_t from = std::max(position, run.logical * block);
    const std::uint64_t to = std::min(end, (run.logical + run.count) * block);
    if (from >= to) continue;
    const Bytes piece = read_disk(disk_, offset_bytes_ + run.physical * block + (from - run.logical * block),
                                  static_cast<std::size_t>(to - from));
    std::ranges::copy(piece, out.begin() + static_cast<std::ptrdiff_t>(from - position));
  }
}

}  // namespace sealroot::ext4
