// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/initramfs/archive.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <optional>

#include "builder/initramfs/unpack.hpp"
#include "store/core/error.hpp"
#include "store/core/hex.hpp"

namespace sealroot {
namespace {

constexpr std::size_t header_bytes = 110;
constexpr std::size_t field_digits = 8;
constexpr std::string_view magic = "070701";
constexpr std::string_view magic_with_checksum = "070702";
constexpr std::string_view trailer = "TRAILER!!!";
constexpr std::size_t alignment = 4;
constexpr std::size_t max_path = 4096;  // with its NUL
constexpr std::size_t max_unpacked = std::size_t{512} << 20;

enum Field : std::size_t { mode_field = 1, file_size_field = 6, name_size_field = 11 };

Error malformed(std::size_t offset, const std::string& reason) {
  return {Fault::malformed, "initramfs: byte " + std::to_string(offset) + ": " + reason};
}

std::optional<std::uint32_t> try_field(ByteView header, std::size_t number) {
  std::uint32_t value = 0;
  for (const char digit : as_text(header).substr(magic.size() + number * field_digits, field_digits)) {
    const char lower = digit >= 'A' && digit <= 'F' ? static_cast<char>(digit - 'A' + 'a') : digit;
    if (hex_value(lower) < 0) return std::nullopt;
    value = value << 4 | static_cast<std::uint32_t>(hex_value(lower));
  }
  return value;
}

std::string_view relative(std::string_view path) {
  for (;;) {
    if (path.starts_with('/')) {
      path.remove_prefix(1);
    } else if (path.starts_with("./")) {
      path.remove_prefix(2);
    } else {
      return path;
    }
  }
}

bool is_cpio(ByteView bytes) {
  const std::string_view text = as_text(bytes);
  return text.starts_with(magic) || text.starts_with(magic_with_checksum);
}

/// Reads one cpio archive; `offset` is where it stands, for messages. Returns its size.
std::size_t read_archive(ByteView bytes, std::size_t offset, const std::function<void(const ArchiveEntry&)>& visit) {
  std::size_t position = 0;
  for (;;) {
    const ByteView rest = bytes.subspan(position);
    const std::size_t here = offset + position;
    if (rest.size() < header_bytes || !is_cpio(rest))
      throw malformed(here, "the cpio archive ends without its trailer");
    const auto mode = try_field(rest, mode_field);
    const auto size = try_field(rest, file_size_field);
    const auto name_size = try_field(rest, name_size_field);
    if (!mode || !size || !name_size) throw malformed(here, "bad digits in a cpio header");
    if (*name_size == 0 || *name_size > max_path)
      throw malformed(here, "a name of " + std::to_string(*name_size) + " bytes");
    const std::size_t content_at = round_up(header_bytes + *name_size, alignment);
    if (content_at > rest.size() || *size > rest.size() - content_at)
      throw malformed(here, "an entry leaves the archive");
    std::string_view path = as_text(rest.subspan(header_bytes, *name_size));
    path = path.substr(0, path.find('\0'));
    position += std::min(round_up(content_at + *size, alignment), rest.size());
    if (path == trailer) return position;
    visit({relative(path), *mode, rest.subspan(content_at, *size)});
  }
}

}  // namespace

void read_initramfs(ByteView initrd, const std::function<void(const ArchiveEntry&)>& visit) {
  std::size_t position = 0;
  std::size_t unpacked_bytes = 0;
  while (position < initrd.size()) {
    const ByteView rest = initrd.subspan(position);
    if (rest.front() == 0) {
      ++position;
    } else if (is_cpio(rest)) {
      position += read_archive(rest, position, visit);
    } else {
      auto unpacked = during("initramfs: byte " + std::to_string(position),
                             [&] { return try_unpack(rest, max_unpacked - unpacked_bytes); });
      if (!unpacked) throw malformed(position, "neither cpio nor packed with xz, zstd or gzip");
      unpacked_bytes += unpacked->content.size();
      // The kernel takes what it unpacks like what is plain; several archives may be in one stream.
      for (std::size_t inner = 0; inner < unpacked->content.size();) {
        const ByteView content = ByteView(unpacked->content).subspan(inner);
        inner += content.front() == 0 ? 1 : read_archive(content, position, visit);
      }
      position += unpacked->consumed;
    }
  }
}

std::map<std::string, InitramfsFile> list_initramfs(ByteView initrd,
                                                    const std::function<bool(std::string_view path)>& wanted) {
  std::map<std::string, InitramfsFile> files;
  read_initramfs(initrd, [&](const ArchiveEntry& entry) {
    InitramfsFile& file = files[std::string(entry.path)];
    file.mode = entry.mode;
    file.size_bytes = entry.content.size();
    file.content.clear();
    if (S_ISREG(entry.mode) && wanted(entry.path)) file.content.assign(entry.content.begin(), entry.content.end());
  });
  return files;
}

}  // namespace sealroot
