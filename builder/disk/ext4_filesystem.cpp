// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/disk/ext4_filesystem.hpp"

#include <ext2fs/ext2fs.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "store/core/error.hpp"

namespace sealroot::ext4 {
namespace {

/// libext2fs returns its own codes and errno values alike.
void check(errcode_t result, const std::string& step) {
  if (result == 0) return;
  static const bool texts_loaded = (initialize_ext2_error_table(), true);
  static_cast<void>(texts_loaded);
  throw Error(Fault::os, step + ": " + error_message(result));
}

/// Named one by one, not by mke2fs.conf, and old enough for e2fsprogs 1.44 and Linux 5.4: the same bytes come out
/// wherever this runs. verity is what all this is for; metadata_csum finds rot in what fs-verity doesn't cover.
/// Left out: resize_inode (64bit file systems grow by meta_bg), orphan_file and metadata_csum_seed (too new).
constexpr std::uint32_t compatible_features = EXT2_FEATURE_COMPAT_EXT_ATTR | EXT2_FEATURE_COMPAT_DIR_INDEX;
constexpr std::uint32_t incompatible_features = EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_EXTENTS |
                                                EXT4_FEATURE_INCOMPAT_64BIT | EXT4_FEATURE_INCOMPAT_FLEX_BG;
constexpr std::uint32_t read_only_compatible_features =
    EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE | EXT4_FEATURE_RO_COMPAT_HUGE_FILE |
    EXT4_FEATURE_RO_COMPAT_DIR_NLINK | EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE | EXT4_FEATURE_RO_COMPAT_METADATA_CSUM |
    EXT4_FEATURE_RO_COMPAT_VERITY;

constexpr std::uint32_t log2_groups_per_flex = 4;

ext2_super_block make_superblock(const Parameters& parameters) {
  ext2_super_block super{};
  super.s_log_block_size = 2;
  super.s_log_cluster_size = 2;
  super.s_rev_level = EXT2_DYNAMIC_REV;
  super.s_inode_size = inode_bytes;
  super.s_inodes_count = parameters.inode_count;
  super.s_feature_compat = compatible_features;
  super.s_feature_incompat = incompatible_features;
  super.s_feature_ro_compat = read_only_compatible_features;
  super.s_log_groups_per_flex = log2_groups_per_flex;
  super.s_max_mnt_count = -1;       // no check by count of mounts
  super.s_errors = EXT2_ERRORS_RO;  // nobody goes on writing to metadata that makes no sense
  super.s_default_mount_opts = EXT2_DEFM_XATTR_USER | EXT2_DEFM_ACL;
  super.s_flags = EXT2_FLAGS_SIGNED_HASH;  // else e2fsck would choose by the signedness of its host's char
  ext2fs_blocks_count_set(&super, parameters.block_count);
  return super;
}

/// libext2fs takes 0 for "ask the clock".
std::int64_t clock_time(std::int64_t timestamp) { return std::max<std::int64_t>(timestamp, 1); }

void identify(ext2_super_block& super, const Parameters& parameters) {
  const auto now = static_cast<std::uint32_t>(clock_time(parameters.timestamp));
  const auto high = static_cast<std::uint8_t>(clock_time(parameters.timestamp) >> 32U);
  std::ranges::copy(parameters.uuid, super.s_uuid);
  std::memcpy(super.s_hash_seed, parameters.hash_seed.data(), sizeof super.s_hash_seed);
  std::copy_n(parameters.label.begin(), std::min(parameters.label.size(), sizeof super.s_volume_name),
              super.s_volume_name);
  super.s_def_hash_version = EXT2_HASH_HALF_MD4;
  super.s_checksum_type = EXT2_CRC32C_CHKSUM;
  super.s_creator_os = EXT2_OS_LINUX;
  super.s_kbytes_written = 0;  // 0 also keeps libext2fs from counting its own writes
  super.s_mkfs_time = super.s_lastcheck = now;
  super.s_mkfs_time_hi = super.s_lastcheck_hi = high;
}

/// Journal for a file system of so many blocks: small, since only state and new objects are ever written.
constexpr std::uint32_t journal_blocks(std::uint64_t block_count) {
  if (block_count < 262144) return 1024;   // below 1 GiB: 4 MiB, the least ext4 knows
  if (block_count < 1048576) return 4096;  // below 4 GiB: 16 MiB
  return 16384;                            // 64 MiB
}

constexpr bool is_power_of(std::uint64_t value, std::uint64_t base) {
  while (value > 1 && value % base == 0) value /= base;
  return value == 1;
}

/// Where sparse_super keeps copies of superblock and group descriptors.
constexpr bool has_superblock(std::uint64_t group) {
  return group <= 1 || is_power_of(group, 3) || is_power_of(group, 5) || is_power_of(group, 7);
}

struct Time {
  std::uint32_t seconds;
  std::uint32_t extra;  // nanoseconds << 2 | bits 32 and 33 of the seconds, counted from -2^31
};

Time encode_time(std::int64_t seconds, std::uint32_t nanoseconds) {
  constexpr std::int64_t least = INT32_MIN;
  constexpr std::int64_t most = least + (std::int64_t{4} << 32) - 1;
  // As Linux does it, in the years 1901 and 2446. In brackets, because newer ext2fs headers have a macro of that name.
  const std::int64_t clamped = (std::clamp)(seconds, least, most);
  const auto low = static_cast<std::uint32_t>(clamped);
  const auto epoch = static_cast<std::uint32_t>((clamped - static_cast<std::int32_t>(low)) >> 32U);
  return {low, nanoseconds << 2U | epoch};
}

void set_times(ext2_inode_large& inode, const Metadata& metadata, std::int64_t timestamp) {
  const Time modified = encode_time(metadata.mtime_seconds, metadata.mtime_nanoseconds);
  const Time made = encode_time(timestamp, 0);
  inode.i_mtime = inode.i_atime = modified.seconds;
  inode.i_mtime_extra = inode.i_atime_extra = modified.extra;
  inode.i_ctime = inode.i_crtime = made.seconds;
  inode.i_ctime_extra = inode.i_crtime_extra = made.extra;
}

void set_owner(ext2_inode_large& inode, const Metadata& metadata) {
  inode.i_uid = static_cast<std::uint16_t>(metadata.uid);
  inode.i_uid_high = static_cast<std::uint16_t>(metadata.uid >> 16U);
  inode.i_gid = static_cast<std::uint16_t>(metadata.gid);
  inode.i_gid_high = static_cast<std::uint16_t>(metadata.gid >> 16U);
}

/// A directory with too many subdirectories has 1 (dir_nlink).
std::uint16_t link_count(const Inode& inode) {
  if (inode.links <= EXT2_LINK_MAX) return static_cast<std::uint16_t>(inode.links);
  if (S_ISDIR(inode.type)) return 1;
  throw Error(Fault::malformed, "more than " + std::to_string(EXT2_LINK_MAX) + " hard links");
}

/// Small numbers stand in the first word, as ext2 had them; all others in the second.
void set_device(ext2_inode_large& inode, std::uint32_t device) { inode.i_block[device > 0xffff ? 1 : 0] = device; }

}  // namespace

void FileSystem::Close::operator()(struct_ext2_filsys* handle) const { ext2fs_free(handle); }

FileSystem::FileSystem(const Fd& disk, const Parameters& parameters) : timestamp_(parameters.timestamp) {
  ext2_super_block wanted = make_superblock(parameters);
  Fd own(::fcntl(disk.get(), F_DUPFD_CLOEXEC, 0));
  if (!own) throw os_error("making the file system");
  ext2_filsys made = nullptr;
  const std::string name = std::to_string(own.release());  // libext2fs closes it
  check(ext2fs_initialize(name.c_str(), EXT2_FLAG_64BITS, &wanted, unixfd_io_manager, &made), "making the file system");
  handle_.reset(made);
  made->now = static_cast<time_t>(clock_time(parameters.timestamp));
  identify(*made->super, parameters);
  ext2fs_init_csum_seed(made);
  const std::string offset = "offset=" + std::to_string(parameters.offset_bytes);
  check(io_channel_set_options(made->io, offset.c_str()), "placing the file system");
  prepare_tables();
  make_journal();
}

FileSystem::~FileSystem() = default;

void FileSystem::prepare_tables() {
  ext2_filsys fs = handle_.get();
  check(ext2fs_allocate_tables(fs), "placing the inode tables");
  for (dgrp_t group = 0; group < fs->group_desc_count; ++group) {
    ext2fs_bg_flags_set(fs, group, EXT2_BG_INODE_ZEROED);  // a new disk image reads as zeros
    ext2fs_group_desc_csum_set(fs, group);
  }
  for (ext2_ino_t reserved = 1; reserved < first_inode; ++reserved) {
    if (reserved != root_inode) ext2fs_inode_alloc_stats2(fs, reserved, +1, 0);
  }
}

void FileSystem::make_journal() {
  ext2_filsys fs = handle_.get();
  // Lazy: its blocks are zeros already. No mount check: this is a fresh file, and /proc/mounts is none of our business.
  check(ext2fs_add_journal_inode2(fs, journal_blocks(ext2fs_blocks_count(fs->super)), 0,
                                  EXT2_MKJOURNAL_LAZYINIT | EXT2_MKJOURNAL_NO_MNT_CHECK),
        "making the journal");
}

std::uint64_t FileSystem::free_blocks() const { return ext2fs_free_blocks_count(handle_->super); }

void FileSystem::allocate(std::uint64_t logical, std::uint64_t count, std::vector<Run>& runs) {
  ext2_filsys fs = handle_.get();
  const blk64_t last = ext2fs_blocks_count(fs->super) - 1;
  while (count > 0) {
    blk64_t start = 0;
    blk64_t end = 0;
    if (next_block_ > last || ext2fs_find_first_zero_block_bitmap2(fs->block_map, next_block_, last, &start) != 0) {
      throw Error(Fault::os, "the file system is full");
    }
    const blk64_t limit = std::min(last, start + count - 1);
    if (ext2fs_find_first_set_block_bitmap2(fs->block_map, start, limit, &end) != 0) end = limit + 1;
    const blk64_t taken = std::min<blk64_t>(end - start, max_extent_blocks);
    ext2fs_block_alloc_stats_range(fs, start, static_cast<blk_t>(taken), +1);
    runs.push_back({logical, start, taken});
    logical += taken;
    count -= taken;
    next_block_ = start + taken;
  }
}

void FileSystem::write_inode(const Inode& inode) {
  ext2_filsys fs = handle_.get();
  const Metadata& metadata = *inode.metadata;
  ext2_inode_large raw{};
  raw.i_extra_isize = sizeof raw - EXT2_GOOD_OLD_INODE_SIZE;
  raw.i_mode = static_cast<std::uint16_t>(inode.type | (metadata.permissions & 07777U));
  raw.i_links_count = link_count(inode);
  set_owner(raw, metadata);
  set_times(raw, metadata, timestamp_);
  auto* plain = reinterpret_cast<ext2_inode*>(&raw);  // libext2fs' way: the larger struct begins with the smaller
  check(ext2fs_inode_size_set(fs, plain, inode.size_bytes), "writing an inode");
  if (inode.sealed) raw.i_flags |= EXT4_VERITY_FL;
  if (inode.fast_symlink.empty()) {
    if (S_ISREG(inode.type) || S_ISDIR(inode.type) || S_ISLNK(inode.type)) write_extents(inode.number, raw, inode.runs);
  } else {
    std::memcpy(raw.i_block, inode.fast_symlink.data(), inode.fast_symlink.size());
  }
  if (S_ISCHR(inode.type) || S_ISBLK(inode.type)) set_device(raw, inode.device);
  check(ext2fs_write_inode_full(fs, inode.number, plain, sizeof raw), "writing an inode");
  ext2fs_inode_alloc_stats2(fs, inode.number, +1, S_ISDIR(inode.type));
  if (!metadata.xattrs.empty()) write_xattrs(inode.number, metadata.xattrs);
}

void FileSystem::write_extents(std::uint32_t number, ext2_inode_large& inode, const std::vector<Run>& runs) {
  ext2_filsys fs = handle_.get();
  auto* plain = reinterpret_cast<ext2_inode*>(&inode);
  inode.i_flags |= EXT4_EXTENTS_FL;
  ext2_extent_handle_t opened = nullptr;
  check(ext2fs_extent_open2(fs, number, plain, &opened), "writing an extent");
  const std::unique_ptr<std::remove_pointer_t<ext2_extent_handle_t>, decltype(&ext2fs_extent_free)> extents(
      opened, &ext2fs_extent_free);
  for (const Run& run : runs) {
    ext2fs_extent extent{};
    extent.e_lblk = run.logical;
    extent.e_pblk = run.physical;
    extent.e_len = static_cast<std::uint32_t>(run.count);
    check(ext2fs_iblk_add_blocks(fs, plain, run.count), "writing an extent");
    check(ext2fs_extent_insert(extents.get(), EXT2_EXTENT_INSERT_AFTER, &extent), "writing an extent");
  }
}

void FileSystem::write_xattrs(std::uint32_t number, const Xattrs& xattrs) {
  ext2_xattr_handle* handle = nullptr;
  check(ext2fs_xattrs_open(handle_.get(), number, &handle), "writing xattrs");
  const auto close = [](ext2_xattr_handle* opened) { ext2fs_xattrs_close(&opened); };
  const std::unique_ptr<ext2_xattr_handle, decltype(close)> closing(handle, close);
  for (const auto& [name, value] : xattrs) {
    check(ext2fs_xattr_set(handle, std::string(name).c_str(), value.begin(), value.size()),
          "writing xattr " + quoted(name));
  }
}

void FileSystem::write_directory_blocks(std::uint32_t number, const std::vector<Run>& runs, Bytes blocks) {
  std::uint8_t* next = blocks.data();
  for (const Run& run : runs) {
    for (std::uint64_t block = run.physical; block < run.physical + run.count; ++block, next += block_bytes) {
      check(ext2fs_write_dir_block4(handle_.get(), block, next, 0, number), "writing a directory");
    }
  }
}

void FileSystem::finish() {
  check(ext2fs_set_gdt_csum(handle_.get()), "writing the file system's tables");
  ext2fs_mark_super_dirty(handle_.get());
  ext2fs_mark_bb_dirty(handle_.get());
  ext2fs_mark_ib_dirty(handle_.get());
  check(ext2fs_flush2(handle_.get(), EXT2_FLAG_FLUSH_NO_SYNC), "writing the file system's tables");
  // Turning the cache off writes what it holds and tells of errors; closing would not, and a flush also calls fsync.
  check(io_channel_set_options(handle_->io, "cache=off"), "writing the file system's tables");
  handle_.reset();
}

std::uint32_t inode_count_for(std::uint64_t block_count, std::uint32_t used) {
  const std::uint64_t wanted = std::max<std::uint64_t>(used + used / 4 + 1024, block_count / 4);
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(wanted, UINT32_MAX / 2));
}

std::uint64_t needed_block_count(std::uint64_t data_block_count, std::uint32_t used_inodes) {
  std::uint64_t total = data_block_count;
  // The tables grow with the total, which grows with the tables, ever more slowly.
  for (std::uint64_t before = 0; before < total;) {
    before = total;
    const std::uint64_t groups = total / blocks_per_group + 1;
    const std::uint64_t descriptor_blocks = groups * EXT2_MIN_DESC_SIZE_64BIT / block_bytes + 1;
    const std::uint64_t inodes_per_group = inode_count_for(total, used_inodes) / groups + 1;
    const std::uint64_t tables = inodes_per_group * inode_bytes / block_bytes + 2 + 2;  // bitmaps and rounding
    std::uint64_t superblocks = 0;
    for (std::uint64_t group = 0; group < groups; ++group) superblocks += has_superblock(group) ? 1 : 0;
    total = std::max(
        before, data_block_count + journal_blocks(total) + groups * tables + superblocks * (1 + descriptor_blocks));
    // libext2fs drops a last group that could hold little more than its own tables.
    const std::uint64_t least_group = tables + 1 + descriptor_blocks + 50;
    if (total % blocks_per_group < least_group) total += least_group;
  }
  return total;
}

}  // namespace sealroot::ext4
