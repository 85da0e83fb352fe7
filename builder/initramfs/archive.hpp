// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Reader of initramfs archives: cpio in the kernel's "newc" form, one archive after the other, each plain or packed
// with xz, zstd or gzip. The kernel unpacks them in turn, a later file replacing an earlier one.
// Source: https://docs.kernel.org/driver-api/early-userspace/buffer-format.html
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "store/core/bytes.hpp"
#include "store/core/fd.hpp"

namespace sealroot {

struct ArchiveEntry {
  std::string_view path;  // relative, without `./` in front
  std::uint32_t mode = 0;
  ByteView content;  // of a regular file; a link's target
};

/// Calls `visit` for each entry in the order in which the kernel unpacks them; views are valid during the call.
///   throws  Error{malformed} with the byte where it stands: no such archive, packed in another way, or more than
///           512 MiB unpacked. What `visit` throws is passed on.
void read_initramfs(ByteView initrd, const std::function<void(const ArchiveEntry&)>& visit);

/// What the pivot finds after all archives are unpacked.
struct InitramfsFile {
  std::uint32_t mode = 0;
  std::uint64_t size_bytes = 0;
  Bytes content;  // only of files that were asked for
};

/// All names, with the last meaning each has; the contents of regular files for which `wanted` says so.
std::map<std::string, InitramfsFile> list_initramfs(ByteView initrd,
                                                    const std::function<bool(std::string_view path)>& wanted);

}  // namespace sealroot
