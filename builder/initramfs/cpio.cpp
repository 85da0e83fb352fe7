// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/initramfs/cpio.hpp"

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <utility>

#include "store/core/error.hpp"
#include "store/core/hex.hpp"

namespace sealroot {
namespace {

constexpr std::string_view magic = "070701";
constexpr std::string_view trailer = "TRAILER!!!";
constexpr std::size_t alignment = 4;
constexpr std::size_t max_path = 4095;  // the kernel's unpacker reads no longer ones

void append_field(Bytes& out, std::uint32_t value) {
  for (int shift = 28; shift >= 0; shift -= 4) out.push_back(static_cast<std::uint8_t>(hex_digit(value >> shift)));
}

void check_path(std::string_view path) {
  const bool bad = path.empty() || path.size() > max_path || path.front() == '/' || path == trailer ||
                   path.find('\0') != std::string_view::npos;
  if (bad) throw Error(Fault::malformed, "cpio: bad path " + quoted(path.substr(0, 100)));
}

}  // namespace

void CpioWriter::pad() { archive_.resize(round_up(archive_.size(), alignment), 0); }

void CpioWriter::append(const Entry& entry) {
  if (entry.content.size() > UINT32_MAX) {
    throw Error(Fault::malformed, "cpio: " + quoted(entry.path) + ": larger than the 4 GiB the format can hold");
  }
  const bool is_trailer = entry.link_count == 0;
  archive_.insert(archive_.end(), magic.begin(), magic.end());
  const std::uint32_t fields[] = {is_trailer ? 0 : next_inode_++,
                                  entry.mode,
                                  0,  // uid
                                  0,  // gid
                                  is_trailer ? 1 : entry.link_count,
                                  0,  // mtime
                                  static_cast<std::uint32_t>(entry.content.size()),
                                  0,  // device the file is on: major, minor
                                  0,
                                  entry.device_major,
                                  entry.device_minor,
                                  static_cast<std::uint32_t>(entry.path.size() + 1),
                                  0};  // checksum: unused in newc
  for (const std::uint32_t field : fields) append_field(archive_, field);
  archive_.insert(archive_.end(), entry.path.begin(), entry.path.end());
  archive_.push_back(0);
  pad();
  archive_.insert(archive_.end(), entry.content.begin(), entry.content.end());
  pad();
}

void CpioWriter::add_directory(std::string_view path, std::uint32_t permissions) {
  check_path(path);
  append({.path = path, .mode = S_IFDIR | permissions, .link_count = 2, .content = {}});
}

void CpioWriter::add_file(std::string_view path, ByteView content, std::uint32_t permissions) {
  check_path(path);
  append({.path = path, .mode = S_IFREG | permissions, .content = content});
}

void CpioWriter::add_character_device(std::string_view path, std::uint32_t permissions, std::uint32_t major,
                                      std::uint32_t minor) {
  check_path(path);
  append({.path = path, .mode = S_IFCHR | permissions, .device_major = major, .device_minor = minor, .content = {}});
}

Bytes CpioWriter::finish() {
  append({.path = trailer, .link_count = 0, .content = {}});
  next_inode_ = 1;
  return std::exchange(archive_, {});
}

}  // namespace sealroot
