// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The root partition: the plan's tree as an ext4 file system in which every object carries its fs-verity metadata, so
// that a kernel finds them sealed although none has ever enabled fs-verity there.
//
//   file block  0 .. data .. | hole up to a multiple of 64 KiB | Merkle tree, top level first | descriptor, le32 length
//               i_size ends here                                                                EXT4_VERITY_FL is set
#pragma once

#include <cstdint>

#include "builder/disk/ext4_filesystem.hpp"
#include "builder/disk/root_plan.hpp"

namespace sealroot {

/// Bytes of a partition that has room for the plan and `free_blocks` blocks more.
std::uint64_t needed_root_bytes(const RootPlan& plan, std::uint64_t free_blocks);

/// Writes the file system to `disk` as `parameters` say; inode_count is chosen here.
///   ensures  bytes depend on plan and parameters only, not on `threads` (0: as many as CPUs)
void write_ext4_root(const RootPlan& plan, const ObjectStore& store, const Fd& disk, ext4::Parameters parameters,
                     unsigned threads, const DiskProgress& progress);

}  // namespace sealroot
