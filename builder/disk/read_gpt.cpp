// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/disk/read_gpt.hpp"

#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "builder/disk/uuid.hpp"
#include "store/core/error.hpp"

namespace sealroot {
namespace {

constexpr std::uint64_t sector_bytes = 512;
constexpr std::uint32_t max_entries = 1024;  // 128 everywhere
constexpr std::string_view signature = "EFI PART";

/// As it lies on disk: the first three fields little endian.
using RawGuid = std::array<std::uint8_t, 16>;

struct Header {
  std::array<char, 8> signature;
  le32 revision;
  le32 header_size;
  le32 header_crc;
  le32 reserved;
  le64 my_lba;
  le64 alternate_lba;
  le64 first_usable_lba;
  le64 last_usable_lba;
  RawGuid disk_guid;
  le64 entries_lba;
  le32 entry_count;
  le32 entry_size;
  le32 entries_crc;
};
static_assert(sizeof(Header) == 92 && alignof(Header) == 1);

struct Entry {
  RawGuid type;
  RawGuid unique;
  le64 first_lba;
  le64 last_lba;
  le64 attributes;
  std::array<le16, 36> name;
};
static_assert(sizeof(Entry) == 128 && alignof(Entry) == 1);

struct MbrEntry {
  std::uint8_t status;
  std::array<std::uint8_t, 3> first_chs;
  std::uint8_t type;
  std::array<std::uint8_t, 3> last_chs;
  le32 first_lba;
  le32 sectors;
};
static_assert(sizeof(MbrEntry) == 16 && alignof(MbrEntry) == 1);

template <typename T>
T read_as(ByteView bytes) {
  T object;
  std::memcpy(static_cast<void*>(&object), bytes.data(), sizeof(T));
  return object;
}

std::uint32_t crc(ByteView bytes) {
  return static_cast<std::uint32_t>(::crc32(0, bytes.data(), static_cast<uInt>(bytes.size())));
}

std::string text_of(const RawGuid& raw) {
  constexpr std::array<std::size_t, 16> order = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
  Uuid uuid{};
  for (std::size_t i = 0; i < uuid.size(); ++i) uuid[i] = raw[order[i]];
  std::string text = to_text(uuid);
  for (char& c : text) c = static_cast<char>(c >= 'a' && c <= 'f' ? c - 'a' + 'A' : c);
  return text;
}

std::uint64_t size_of(const Fd& disk) {
  struct stat status {};
  if (::fstat(disk.get(), &status) != 0) throw os_error("reading the size of the disk");
  if (S_ISREG(status.st_mode)) return static_cast<std::uint64_t>(status.st_size);
  const off_t end = ::lseek(disk.get(), 0, SEEK_END);
  if (end < 0) throw os_error("reading the size of the disk");
  return static_cast<std::uint64_t>(end);
}

/// Header and entries of one copy of the table.
struct Table {
  Header header;
  Bytes entries;
};

Table read_table(const Fd& disk, std::uint64_t lba, const std::string& label) {
  const auto fail = [&](const std::string& reason) { return Error(Fault::malformed, label + ": " + reason); };
  const Bytes sector = read_disk(disk, lba * sector_bytes, sector_bytes);
  Table table{read_as<Header>(sector), {}};
  const Header& header = table.header;
  if (std::string_view(header.signature.data(), 8) != signature) throw fail("no GPT header");
  if (header.header_size < sizeof(Header) || header.header_size > sector_bytes) throw fail("bad header size");
  Bytes covered(sector.begin(), sector.begin() + static_cast<std::ptrdiff_t>(std::uint32_t{header.header_size}));
  std::memset(covered.data() + offsetof(Header, header_crc), 0, 4);
  if (crc(covered) != header.header_crc) throw fail("the header's CRC is wrong");
  if (header.my_lba != lba) throw fail("the header says that it stands elsewhere");
  if (header.entry_size != sizeof(Entry) || header.entry_count > max_entries)
    throw fail("entries of unusual size or number");
  if (header.entries_lba > UINT64_MAX / sector_bytes) throw fail("the entries stand outside the disk");
  table.entries = read_disk(disk, header.entries_lba * sector_bytes, std::size_t{header.entry_count} * sizeof(Entry));
  if (crc(table.entries) != header.entries_crc) throw fail("the entries' CRC is wrong");
  return table;
}

std::string name_of(const Entry& entry) {
  std::string name;
  for (const std::uint16_t unit : entry.name) {
    if (unit == 0) break;
    name += unit >= 0x20 && unit < 0x7f ? static_cast<char>(unit) : '?';
  }
  return name;
}

FoundPartition partition_of(const Entry& entry, unsigned number, std::uint64_t disk_bytes) {
  const std::uint64_t sectors = disk_bytes / sector_bytes;
  if (entry.first_lba > entry.last_lba || entry.last_lba >= sectors) {
    throw Error(Fault::malformed, "GPT: partition " + std::to_string(number) + " lies outside the disk");
  }
  return {number,
          text_of(entry.type),
          text_of(entry.unique),
          name_of(entry),
          entry.first_lba * sector_bytes,
          (entry.last_lba - entry.first_lba + 1) * sector_bytes};
}

void check_mbr(ByteView sector, std::vector<std::string>& defects) {
  constexpr std::size_t boot_code_bytes = 440;
  constexpr std::size_t entries_at = 446;
  constexpr std::uint8_t protective = 0xee;
  // A BIOS would run it, and no signature is asked for.
  if (std::ranges::any_of(sector.first(boot_code_bytes), [](auto byte) { return byte != 0; })) {
    defects.emplace_back("the MBR holds boot code, which a BIOS would start without any check");
  }
  for (std::size_t i = 0; i < 4; ++i) {
    const auto entry = read_as<MbrEntry>(sector.subspan(entries_at + i * sizeof(MbrEntry)));
    if (entry.type != 0 && entry.type != protective) {
      defects.emplace_back("the MBR has a partition of its own, beside the GPT");
    }
  }
}

void check_backup(const Fd& disk, const Table& primary, std::vector<std::string>& defects) {
  try {
    const Table backup = read_table(disk, primary.header.alternate_lba, "backup GPT");
    if (backup.entries != primary.entries) defects.emplace_back("the backup GPT names other partitions");
  } catch (const Error& error) {
    defects.emplace_back(error.what());
  }
}

void check_overlap(std::vector<FoundPartition> partitions, std::vector<std::string>& defects) {
  std::ranges::sort(partitions, {}, &FoundPartition::offset_bytes);
  for (std::size_t i = 1; i < partitions.size(); ++i) {
    const FoundPartition& before = partitions[i - 1];
    if (before.offset_bytes + before.size_bytes > partitions[i].offset_bytes) {
      defects.push_back("partitions " + std::to_string(before.number) + " and " + std::to_string(partitions[i].number) +
                        " overlap");
    }
  }
}

}  // namespace

Bytes read_disk(const Fd& disk, std::uint64_t offset_bytes, std::size_t size_bytes) {
  Bytes bytes(size_bytes);
  for (std::size_t have = 0; have < size_bytes;) {
    if (offset_bytes + have > static_cast<std::uint64_t>(INT64_MAX))
      throw Error(Fault::malformed, "disk: an offset too large");
    const ssize_t got =
        ::pread(disk.get(), bytes.data() + have, size_bytes - have, static_cast<off_t>(offset_bytes + have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw os_error("reading the disk");
    if (got == 0) throw Error(Fault::malformed, "disk: ends at byte " + std::to_string(offset_bytes + have));
    have += static_cast<std::size_t>(got);
  }
  return bytes;
}

bool looks_like_disk(const Fd& disk) {
  if (size_of(disk) < 2 * sector_bytes) return false;
  return as_text(read_disk(disk, sector_bytes, signature.size())) == signature;
}

FoundTable read_gpt(const Fd& disk) {
  FoundTable found;
  found.disk_bytes = size_of(disk);
  const Table table = read_table(disk, 1, "GPT");
  found.disk_uuid = text_of(table.header.disk_guid);
  for (unsigned number = 1; number <= table.header.entry_count; ++number) {
    const auto entry = read_as<Entry>(ByteView(table.entries).subspan((number - 1) * sizeof(Entry)));
    if (entry.type != RawGuid{}) found.partitions.push_back(partition_of(entry, number, found.disk_bytes));
  }
  check_mbr(read_disk(disk, 0, sector_bytes), found.defects);
  check_backup(disk, table, found.defects);
  check_overlap(found.partitions, found.defects);
  return found;
}

}  // namespace sealroot
