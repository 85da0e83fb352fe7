// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Names in a directory, straight from getdents64.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "initrd-pivot/kernel.hpp"

namespace sealroot {

/// Calls `visit` with each name in the open directory `fd`, `.` and `..` included; stops at an error, which it returns.
template <typename Visit>
long for_each_name(Kernel& kernel, int fd, Visit visit) {
  // linux_dirent64: ino 8 bytes, off 8, reclen 2, type 1, then the name and its terminator.
  constexpr std::size_t length_offset = 16;
  constexpr std::size_t name_offset = 19;
  std::array<std::uint8_t, 4096> records{};
  long size = 0;
  while ((size = kernel.list(fd, records)) > 0) {
    const std::uint8_t* const end = records.data() + size;
    for (const std::uint8_t* record = records.data(); record < end;) {
      std::uint16_t length = 0;
      std::memcpy(&length, record + length_offset, sizeof(length));
      visit(std::string_view(reinterpret_cast<const char*>(record + name_offset)));
      record += length;
    }
  }
  return size;
}

}  // namespace sealroot
