// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "initrd-pivot/gpt.hpp"

#include <algorithm>
#include <cstring>

#include "store/core/hex.hpp"

namespace sealroot {
namespace {

struct Header {
  std::array<std::uint8_t, 8> signature;
  le32 revision;
  le32 header_size;
  le32 header_crc32;
  le32 reserved;
  le64 my_lba;
  le64 alternate_lba;
  le64 first_usable_lba;
  le64 last_usable_lba;
  Guid disk_guid;
  le64 entries_lba;
  le32 entry_count;
  le32 entry_size;
  le32 entries_crc32;
};
static_assert(sizeof(Header) == 92 && alignof(Header) == 1);

struct Entry {
  Guid type;
  Guid unique;
};

constexpr std::size_t crc_offset = offsetof(Header, header_crc32);

// CRC-32 as in IEEE 802.3, a bit at a time: 16 KiB once in a boot are not worth a table. The four bytes at `hole`
// count as zero.
std::uint32_t crc32(ByteView bytes, std::size_t hole) {
  std::uint32_t crc = 0xffffffffU;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    crc ^= i >= hole && i < hole + 4 ? 0U : bytes[i];
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0xedb88320U : 0U);
  }
  return ~crc;
}

// The entries of the table whose header is in sector 1, nullopt if it is not valid; `header` is filled in.
std::optional<ByteView> try_entries(ByteView start, std::size_t sector_size, Header& header) {
  if (start.size() < 2 * sector_size) return std::nullopt;
  const ByteView sector = start.subspan(sector_size, sector_size);
  std::memcpy(&header, sector.data(), sizeof(Header));
  if (as_text(header.signature) != "EFI PART" || header.my_lba != 1) return std::nullopt;
  if (header.header_size < sizeof(Header) || header.header_size > sector_size) return std::nullopt;
  if (crc32(sector.first(header.header_size), crc_offset) != header.header_crc32) return std::nullopt;
  const std::size_t entry_size = header.entry_size;
  if (entry_size < 128 || entry_size > 4096 || (entry_size & (entry_size - 1)) != 0) return std::nullopt;
  if (header.entry_count > gpt_window_bytes / entry_size) return std::nullopt;
  if (header.entries_lba < 2 || header.entries_lba > start.size() / sector_size) return std::nullopt;
  const ByteView rest = start.subspan(header.entries_lba * sector_size);
  const std::size_t size = header.entry_count * entry_size;
  if (rest.size() < size) return std::nullopt;
  if (crc32(rest.first(size), size) != header.entries_crc32) return std::nullopt;
  return rest.first(size);
}

}  // namespace

std::optional<Guid> try_parse_guid(std::string_view text) {
  // Position of each byte's first digit, in disk order.
  constexpr std::array<std::uint8_t, 16> digits{6, 4, 2, 0, 11, 9, 16, 14, 19, 21, 24, 26, 28, 30, 32, 34};
  if (text.size() != 36) return std::nullopt;
  for (const std::size_t dash : {8, 13, 18, 23}) {
    if (text[dash] != '-') return std::nullopt;
  }
  Guid guid{};
  for (std::size_t i = 0; i < guid.size(); ++i) {
    int value = 0;
    for (const char byte : {text[digits[i]], text[digits[i] + 1U]}) {
      const int digit = hex_value(byte >= 'A' && byte <= 'F' ? static_cast<char>(byte - 'A' + 'a') : byte);
      if (digit < 0) return std::nullopt;
      value = value << 4 | digit;
    }
    guid[i] = static_cast<std::uint8_t>(value);
  }
  return guid;
}

std::optional<PartitionTable> try_read_gpt(ByteView start, const Guid& root_type,
                                           const std::optional<Guid>& boot_partition) {
  Header header;
  std::optional<ByteView> entries = try_entries(start, 512, header);
  if (!entries) entries = try_entries(start, 4096, header);
  if (!entries) return std::nullopt;
  PartitionTable table;
  for (unsigned number = 1; number <= header.entry_count; ++number) {
    Entry entry;
    std::memcpy(&entry, entries->data() + std::size_t{number - 1} * header.entry_size, sizeof(Entry));
    if (entry.type == root_type) {
      ++table.root_count;
      table.root_number = number;
    }
    if (boot_partition && entry.type != Guid{} && entry.unique == *boot_partition) table.holds_boot_partition = true;
  }
  return table;
}

}  // namespace sealroot
