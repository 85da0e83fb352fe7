// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The partition table as the pivot finds it at the start of a disk. Bit 0 of the first byte: make the two CRCs right,
// or hardly any input would get past them.
#include <zlib.h>

#include <cstring>
#include <vector>

#include "initrd-pivot/gpt.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace sealroot;

namespace {

std::uint32_t read_le32(const std::vector<std::uint8_t>& disk, std::size_t at) {
  le32 value;
  std::memcpy(&value, disk.data() + at, sizeof value);
  return value;
}

void write_crc(std::vector<std::uint8_t>& disk, std::size_t at, std::size_t from, std::size_t size) {
  const le32 value(static_cast<std::uint32_t>(::crc32(0, disk.data() + from, static_cast<uInt>(size))));
  std::memcpy(disk.data() + at, &value, sizeof value);
}

/// The header is at the second sector, the entries where they usually are: at the third.
void mend(std::vector<std::uint8_t>& disk, std::size_t sector) {
  if (disk.size() < 2 * sector + 92) return;
  const std::uint64_t entries_size = std::uint64_t{read_le32(disk, sector + 80)} * read_le32(disk, sector + 84);
  if (entries_size > disk.size() - 2 * sector) return;
  write_crc(disk, sector + 88, 2 * sector, static_cast<std::size_t>(entries_size));
  const std::uint32_t header_size = read_le32(disk, sector + 12);
  if (header_size > disk.size() - sector) return;
  std::memset(disk.data() + sector + 16, 0, 4);
  write_crc(disk, sector + 16, sector, header_size);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::vector<std::uint8_t> disk(data + 1, data + size);
  if ((data[0] & 1) != 0) mend(disk, (data[0] & 2) != 0 ? 4096 : 512);
  const auto type = try_parse_guid(root_partition_type);
  const auto table = try_read_gpt(disk, *type, type);
  promise(!table || table->root_count == 0 || table->root_number != 0, "partitions are counted from 1");
  promise(!table || table->root_number <= disk.size() / 128, "more entries than there are bytes");
  return 0;
}
