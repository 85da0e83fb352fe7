// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Writer of cpio archives in the kernel's "newc" form. Archives may be put one after the other: the kernel unpacks them
// in turn, a later file replacing an earlier one.
//   entry = 110 bytes of ASCII header | name NUL | pad to 4 | content | pad to 4
// Source: https://docs.kernel.org/driver-api/early-userspace/buffer-format.html
#pragma once

#include <cstdint>
#include <string_view>

#include "store/core/bytes.hpp"
#include "store/core/fd.hpp"

namespace sealroot {

/// Everything belongs to root and has time 0, inodes count up from 1: the same calls give the same bytes.
/// Paths are relative to the root (`dev/console`), and a directory must be added before what it holds. All functions
/// throw Error{malformed} for a path or size that newc can't hold.
class CpioWriter {
 public:
  void add_directory(std::string_view path, std::uint32_t permissions = 0755);
  void add_file(std::string_view path, ByteView content, std::uint32_t permissions = 0644);
  void add_character_device(std::string_view path, std::uint32_t permissions, std::uint32_t major, std::uint32_t minor);
  /// The whole archive, a multiple of 4 bytes long. The writer is empty afterwards.
  Bytes finish();

 private:
  struct Entry {
    std::string_view path;
    std::uint32_t mode = 0;
    std::uint32_t link_count = 1;
    std::uint32_t device_major = 0;
    std::uint32_t device_minor = 0;
    ByteView content;
  };
  void append(const Entry& entry);
  void pad();

  Bytes archive_;
  std::uint32_t next_inode_ = 1;
};

}  // namespace sealroot
