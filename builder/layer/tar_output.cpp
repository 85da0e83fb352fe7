// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/layer/tar_output.hpp"

#include <algorithm>
#include <cstdio>

#include "builder/layer/tar_header.hpp"

namespace sealroot {

namespace {

constexpr std::size_t block_size = 512;

std::string pax_record(const std::string& key, std::string_view value) {
  const std::string rest = (" " + key + "=").append(value).append("\n");
  std::size_t size = rest.size() + 1;  // the length counts its own digits
  while (std::to_string(size).size() + rest.size() != size) ++size;
  return std::to_string(size) + rest;
}

/// False if the field is too small.
template <std::size_t size>
bool put_number(std::array<char, size>& field, std::int64_t value) {
  std::array<char, 32> text{};
  const int length = std::snprintf(text.data(), text.size(), "%0*llo", static_cast<int>(size - 1),
                                   static_cast<unsigned long long>(std::max<std::int64_t>(value, 0)));
  if (value < 0 || static_cast<std::size_t>(length) >= size) return false;
  std::copy_n(text.begin(), size, field.begin());
  return true;
}

TarHeader blank_header(char type) {
  TarHeader header{};
  header.typeflag = type;
  header.magic = {'u', 's', 't', 'a', 'r', '\0'};
  header.version = {'0', '0'};
  put_number(header.devmajor, 0);
  put_number(header.devminor, 0);
  return header;
}

std::string with_sum(TarHeader& header) {
  header.chksum.fill(' ');
  unsigned sum = 0;
  for (const std::uint8_t byte : bytes_of(header)) sum += byte;
  std::snprintf(header.chksum.data(), header.chksum.size(), "%06o", sum);  // NUL, then the blank that is there
  return std::string(as_text(bytes_of(header)));
}

std::string pax_header(const std::string& records) {
  TarHeader header = blank_header('x');
  std::copy_n("pax", 3, header.name.begin());
  put_number(header.mode, 0644);
  put_number(header.uid, 0);
  put_number(header.gid, 0);
  put_number(header.mtime, 0);
  put_number(header.size, static_cast<std::int64_t>(records.size()));
  return with_sum(header) + records + tar_padding(records.size());
}

}  // namespace

std::string tar_entry_start(const NewTarEntry& entry) {
  const bool is_directory = entry.path.ends_with('/');
  TarHeader header = blank_header(is_directory ? '5' : '0');
  std::string records;
  const auto number = [&records](auto& field, std::int64_t value, const char* key) {
    if (put_number(field, value)) return;
    records += pax_record(key, std::to_string(value));
    put_number(field, 0);
  };
  if (entry.path.size() > header.name.size()) records += pax_record("path", entry.path);
  std::copy_n(entry.path.begin(), std::min(entry.path.size(), header.name.size()), header.name.begin());
  put_number(header.mode, entry.metadata.permissions);
  number(header.uid, entry.metadata.uid, "uid");
  number(header.gid, entry.metadata.gid, "gid");
  number(header.size, static_cast<std::int64_t>(entry.size_bytes), "size");
  number(header.mtime, entry.metadata.mtime_seconds, "mtime");
  for (const auto& [name, value] : entry.metadata.xattrs) records += pax_record("SCHILY.xattr." + name, value);
  return (records.empty() ? std::string() : pax_header(records)) + with_sum(header);
}

std::string tar_padding(std::uint64_t size_bytes) {
  return std::string(static_cast<std::size_t>((block_size - size_bytes % block_size) % block_size), '\0');
}

std::string tar_end() { return std::string(2 * block_size, '\0'); }

}  // namespace sealroot
