// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Where everything stands. A tail (the last part of an inode's data, after its xattrs) must not cross the border of
// a block; how inodes are pushed on to keep that, and which data goes to blocks of its own, is part of the format.
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <tuple>

#include "builder/image/overlay_xattrs.hpp"
#include "builder/image/plan.hpp"
#include "store/core/error.hpp"

namespace sealroot::image {
namespace {

using erofs::block_size;
using erofs::slot_size;

/// Tails longer than this get a block instead.
constexpr std::uint64_t max_tail_size = block_size / 2;
/// h_shared_count is a byte; mkcomposefs stops here.
constexpr std::uint16_t max_shared_count = 128;

/// V2: ascending by prefix, rest of the name, value. V0 and V1: descending by name, length of value, value.
bool stands_before(ImageFormat format, const Xattr& left, const Xattr& right) {
  if (format == ImageFormat::v2) {
    return std::tuple(left.prefix_index, left.suffix(), left.value) <
           std::tuple(right.prefix_index, right.suffix(), right.value);
  }
  if (left.key != right.key) return left.key > right.key;
  if (left.value.size() != right.value.size()) return left.value.size() > right.value.size();
  return left.value > right.value;
}

/// Returns the size of all shared xattrs.
std::uint64_t share_xattrs(Plan& plan) {
  for (XattrId id = 0; id < plan.xattrs.all().size(); ++id) {
    if (plan.xattrs[id].uses > 1) plan.shared_xattrs.push_back(id);
  }
  std::sort(plan.shared_xattrs.begin(), plan.shared_xattrs.end(), [&](XattrId left, XattrId right) {
    return stands_before(plan.format, plan.xattrs[left], plan.xattrs[right]);
  });
  std::uint64_t size = 0;
  for (const XattrId id : plan.shared_xattrs) {
    Xattr& xattr = plan.xattrs.all()[id];
    xattr.shared = true;
    xattr.shared_offset = static_cast<std::uint32_t>(size);
    size += xattr.entry_size();
    if (size > UINT32_MAX) throw Error(Fault::malformed, "more than 4 GiB of shared xattrs");
  }
  return size;
}

/// Of the xattrs that name an inode's own object. They are of one size for all digests of one algorithm.
class OwnObjectSizes {
 public:
  std::uint32_t of(const Plan& plan, const RegularFile& file) {
    std::uint32_t& size = sizes_[file.digest->algorithm() == Algorithm::sha512 ? 1 : 0][file.without_payload ? 1 : 0];
    if (size == 0) {
      const ObjectXattrs object(file);
      size = plan.xattrs.make(metacopy_name, object.metacopy).entry_size();
      if (!object.redirect.empty()) size += plan.xattrs.make(redirect_name, object.redirect).entry_size();
    }
    return size;
  }

 private:
  std::array<std::array<std::uint32_t, 2>, 2> sizes_{};
};

/// Shared ones first, each group in the order it had; xattr_size follows.
void place_xattrs(Plan& plan, PlannedInode& inode, OwnObjectSizes& own_sizes) {
  if (inode.xattr_count == 0 && !inode.own_object) return;
  XattrId* const first = plan.xattr_ids.data() + inode.first_xattr;
  XattrId* const last = first + inode.xattr_count;
  std::uint16_t shared_left = max_shared_count;
  XattrId* const local = std::stable_partition(
      first, last, [&](XattrId id) { return plan.xattrs[id].shared && shared_left > 0 && shared_left-- > 0; });
  inode.shared_count = static_cast<std::uint8_t>(local - first);
  std::uint64_t size = sizeof(erofs::XattrHeader) + 4 * std::uint64_t{inode.shared_count};
  for (const XattrId* id = local; id != last; ++id) size += plan.xattrs[*id].entry_size();
  if (inode.own_object) size += own_sizes.of(plan, *plan.node_of(inode).regular());
  inode.xattr_size = static_cast<std::uint32_t>(size);  // the survey's limit keeps it under 64 KiB
}

void size_directory(const Plan& plan, PlannedInode& inode) {
  std::span<const PlannedDirent> left = plan.dirents_of(inode);
  while (true) {
    const std::size_t count = dirents_in_block(left);
    if (count == left.size()) break;
    ++inode.block_count;
    left = left.subspan(count);
  }
  for (const PlannedDirent& dirent : left) {
    inode.tail_size += static_cast<std::uint32_t>(sizeof(erofs::Dirent) + dirent.name().size());
  }
  if (inode.tail_size > max_tail_size) {
    ++inode.block_count;
    inode.tail_size = 0;
  }
}

/// V2 has all contents inline.
void size_content(const Plan& plan, PlannedInode& inode) {
  const auto size = static_cast<std::uint32_t>(plan.content_of(inode).size());
  if (plan.format == ImageFormat::v2 || (inode.mode & S_IFMT) == S_IFLNK) {  // of links see pad_link()
    inode.tail_size = size;
    return;
  }
  inode.block_count = size / block_size;
  inode.tail_size = size % block_size;
  if (inode.tail_size > max_tail_size) {
    ++inode.block_count;
    inode.tail_size = 0;
  }
}

/// V2 has one chunk of the largest size. Without a digest it forgets that one.
void size_chunks(const Plan& plan, PlannedInode& inode) {
  const RegularFile& file = *plan.node_of(inode).regular();
  const std::uint64_t count = plan.format != ImageFormat::v2 ? chunk_count(file.size) : file.digest ? 1 : 0;
  inode.tail_size = static_cast<std::uint32_t>(sizeof(erofs::null_addr) * count);
}

void size_data(const Plan& plan, PlannedInode& inode) {
  switch (inode.data) {
    case Data::none:
      break;
    case Data::directory:
      size_directory(plan, inode);
      break;
    case Data::bytes:
      size_content(plan, inode);
      break;
    case Data::chunks:
      size_chunks(plan, inode);
      break;
  }
}

bool fits_compact(const Plan& plan, const PlannedInode& inode) {
  const Metadata& metadata = plan.metadata_of(inode);
  return plan.format != ImageFormat::v2 && metadata.mtime_seconds == plan.build_time_seconds &&
         metadata.mtime_nanoseconds == plan.build_time_nanoseconds && inode.nlink <= UINT16_MAX &&
         metadata.uid <= UINT16_MAX && metadata.gid <= UINT16_MAX && plan.size_of(inode) <= UINT32_MAX;
}

std::uint64_t to_next_block(std::uint64_t position) { return round_up(position, block_size) - position; }

/// A link wants inode and target in one block. If they don't fit one at all, the target goes to a block of its own,
/// but the inode is moved as if it were still there: that is how the format has always been.
std::uint64_t pad_link(PlannedInode& inode, std::uint64_t position) {
  const std::uint64_t size = inode.inode_size() + inode.xattr_size + inode.tail_size;
  if (size >= block_size) {
    ++inode.block_count;
    inode.tail_size = 0;
  }
  const bool crosses = position / block_size != (position + size - 1) / block_size;
  return crosses ? to_next_block(position) : 0;
}

/// All others only want the tail in one block.
std::uint64_t pad_tail(PlannedInode& inode, std::uint64_t position) {
  const std::uint64_t tail = position + inode.inode_size() + inode.xattr_size;
  const std::uint64_t room = block_size - tail % block_size;
  if (room >= inode.tail_size) return 0;
  const std::uint64_t padding = round_up(room, slot_size);
  if (block_size - (tail + padding) % block_size >= inode.tail_size) return padding;
  ++inode.block_count;  // the list of chunks of a file near 2^53 bytes
  inode.tail_size = 0;
  return to_next_block(position);
}

/// V2 looks at the last byte before the tail and the first behind it, whatever the inode; chunk lists never move.
std::uint64_t pad_tail_v2(const PlannedInode& inode, std::uint64_t position) {
  if (inode.data == Data::chunks || inode.tail_size == 0) return 0;
  const std::uint64_t before = position + inode.inode_size() + inode.xattr_size - 1;
  const std::uint64_t behind = before + 1 + inode.tail_size % block_size;
  if (before / block_size == behind / block_size) return 0;
  return round_up(position + block_size - before % block_size, slot_size) - position;
}

std::uint64_t pad_inode(const Plan& plan, PlannedInode& inode, std::uint64_t position) {
  if (plan.format == ImageFormat::v2) return pad_tail_v2(inode, position);
  const bool is_link = (inode.mode & S_IFMT) == S_IFLNK;
  return is_link ? pad_link(inode, position) : pad_tail(inode, position);
}

void place_inodes(Plan& plan) {
  std::uint64_t position = erofs::inodes_offset;
  OwnObjectSizes own_sizes;
  for (PlannedInode& inode : plan.inodes) {
    size_data(plan, inode);
    inode.compact = fits_compact(plan, inode);
    place_xattrs(plan, inode, own_sizes);
    position = round_up(position, slot_size);
    position += pad_inode(plan, inode, position);
    inode.position = position;
    position += inode.inode_size() + inode.xattr_size + inode.tail_size;
  }
  plan.inodes_end = round_up(position, slot_size);
}

void place_blocks(Plan& plan, std::uint64_t shared_xattrs_size) {
  plan.blocks_start = round_up(plan.inodes_end + shared_xattrs_size, block_size);
  std::uint64_t block = plan.blocks_start / block_size;
  for (const PlannedInode& inode : plan.inodes) block += inode.block_count;
  if (block > UINT32_MAX) throw Error(Fault::malformed, "more than 2^32 blocks");
  plan.image_size = block * block_size;
}

}  // namespace

std::uint64_t Plan::size_of(const PlannedInode& inode) const {
  switch (inode.data) {
    case Data::none:
      return 0;
    case Data::directory:
      return block_size * inode.block_count + inode.tail_size;
    case Data::bytes:
      return content_of(inode).size();
    case Data::chunks:
      return node_of(inode).regular()->size;
  }
  return 0;
}

std::size_t dirents_in_block(std::span<const PlannedDirent> dirents) {
  std::size_t size = 0;
  std::size_t count = 0;
  for (; count < dirents.size(); ++count) {
    visit_spilled();
    size += sizeof(erofs::Dirent) + dirents[count].name().size();
    if (size > block_size) break;
  }
  return count;
}

void lay_out(Plan& plan) {
  const std::uint64_t shared_xattrs_size = share_xattrs(plan);
  place_inodes(plan);
  place_blocks(plan, shared_xattrs_size);
}

}  // namespace sealroot::image
