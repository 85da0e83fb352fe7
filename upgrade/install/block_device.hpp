// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Putting a disk image onto a block device.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "store/core/fd.hpp"

namespace sealroot {

struct BlockDevice {
  Fd file;
  std::uint64_t size_bytes = 0;
};

/// Opens a whole device for itself alone.
///   throws  Error{usage}: no block device; mounted or otherwise in use; sectors of another size than 512 bytes; it
///   holds
///           something, and `wipe` is false
BlockDevice open_block_device(const std::string& path, bool wipe);

/// Writes the data of a sparse file to the device, zeros to all else, and makes it durable; then the kernel reads the
/// partition table.
///   progress  bytes done, holes included
void copy_to_device(const Fd& image, const BlockDevice& device, const std::function<void(std::uint64_t)>& progress);

}  // namespace sealroot
