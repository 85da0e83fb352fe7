// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/disk/fat.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <map>

#include "builder/disk/read_gpt.hpp"
#include "store/core/error.hpp"

namespace sealroot {
namespace {

constexpr std::size_t max_names = 65536;
constexpr unsigned max_depth = 32;
constexpr std::uint32_t max_directory_bytes = 65536 * 32;
constexpr std::size_t max_all_directories_bytes = std::size_t{64} << 20;
constexpr std::uint8_t attribute_long_name = 0x0f;
constexpr std::uint8_t attribute_volume = 0x08;
constexpr std::uint8_t attribute_directory = 0x10;
constexpr std::uint8_t deleted = 0xe5;
constexpr std::uint8_t last_long_entry = 0x40;
constexpr std::size_t units_per_entry = 13;

struct BootSector {
  std::array<std::uint8_t, 11> jump_and_name;
  le16 bytes_per_sector;
  std::uint8_t sectors_per_cluster;
  le16 reserved_sectors;
  std::uint8_t table_count;
  le16 root_entries;
  le16 sectors_16;
  std::uint8_t media;
  le16 table_sectors_16;
  std::array<std::uint8_t, 8> geometry;
  le32 sectors_32;
  le32 table_sectors_32;  // from here on FAT32 only
  le16 flags;
  le16 version;
  le32 root_cluster;
};
static_assert(sizeof(BootSector) == 48 && alignof(BootSector) == 1);

struct Entry {
  std::array<std::uint8_t, 8> name;
  std::array<std::uint8_t, 3> extension;
  std::uint8_t attributes;
  std::uint8_t case_flags;
  std::array<std::uint8_t, 7> times;
  le16 cluster_high;
  std::array<std::uint8_t, 4> written;
  le16 cluster_low;
  le32 size;
};
static_assert(sizeof(Entry) == 32 && alignof(Entry) == 1);

Error malformed(const std::string& reason) { return {Fault::malformed, "FAT: " + reason}; }

std::uint8_t short_checksum(const Entry& entry) {
  std::uint8_t sum = 0;
  const auto add = [&](std::uint8_t c) { sum = static_cast<std::uint8_t>(std::rotr(sum, 1) + c); };
  std::ranges::for_each(entry.name, add);
  std::ranges::for_each(entry.extension, add);
  return sum;
}

void append_utf8(std::string& out, std::uint16_t unit) {
  if (unit < 0x80) {
    out += static_cast<char>(unit);
  } else if (unit < 0x800) {
    out += static_cast<char>(0xc0 | unit >> 6);
    out += static_cast<char>(0x80 | (unit & 0x3f));
  } else {
    out += static_cast<char>(0xe0 | unit >> 12);
    out += static_cast<char>(0x80 | (unit >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (unit & 0x3f));
  }
}

std::string short_name(const Entry& entry) {
  const auto part = [&](auto& raw, bool lower) {
    std::string text(raw.begin(), raw.end());
    text.erase(text.find_last_not_of(' ') + 1);
    for (char& c : text) c = static_cast<char>(lower && c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    return text;
  };
  const std::string name = part(entry.name, (entry.case_flags & 0x08) != 0);
  const std::string extension = part(entry.extension, (entry.case_flags & 0x10) != 0);
  return extension.empty() ? name : name + "." + extension;
}

/// Gathers the entries before a name that spell its long form, the last part first.
class LongName {
 public:
  void add(ByteView raw) {
    const unsigned order = raw[0] & ~unsigned{last_long_entry};
    if ((raw[0] & last_long_entry) != 0) {
      expected_ = order;
      checksum_ = raw[13];
      parts_.clear();
    }
    if (order == 0 || order != expected_ || raw[13] != checksum_) return clear();
    --expected_;
    std::string part;
    constexpr std::array<std::size_t, units_per_entry> places = {1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30};
    for (const std::size_t at : places) {
      const auto unit = static_cast<std::uint16_t>(raw[at] | raw[at + 1] << 8);
      if (unit == 0) break;
      append_utf8(part, unit);
    }
    parts_ = part + parts_;
  }

  /// The name for the entry that follows; empty if there is none for it.
  std::string take(const Entry& entry) {
    std::string name = expected_ == 0 && checksum_ == short_checksum(entry) ? parts_ : std::string();
    clear();
    return name;
  }

  void clear() { *this = {}; }

 private:
  std::string parts_;
  unsigned expected_ = 0;
  std::uint8_t checksum_ = 0;
};

}  // namespace

FatReader::FatReader(const Fd& disk, std::uint64_t offset_bytes, std::uint64_t size_bytes)
    : disk_(disk), offset_bytes_(offset_bytes) {
  const Bytes sector = read_disk(disk, offset_bytes, 512);
  BootSector boot;
  std::memcpy(static_cast<void*>(&boot), sector.data(), sizeof(boot));
  const std::uint32_t sector_bytes = boot.bytes_per_sector;
  if (sector[510] != 0x55 || sector[511] != 0xaa || !std::has_single_bit(sector_bytes) || sector_bytes < 512 ||
      sector_bytes > 4096 || !std::has_single_bit(boot.sectors_per_cluster) || boot.table_count == 0 ||
      boot.reserved_sectors == 0) {
    throw malformed("no such file system");
  }
  const std::uint64_t sectors = boot.sectors_16 != 0 ? std::uint64_t{boot.sectors_16} : std::uint64_t{boot.sectors_32};
  const std::uint64_t table_sectors =
      boot.table_sectors_16 != 0 ? std::uint64_t{boot.table_sectors_16} : std::uint64_t{boot.table_sectors_32};
  root_bytes_ = std::uint32_t{boot.root_entries} * sizeof(Entry);
  const std::uint64_t root_sector = boot.reserved_sectors + boot.table_count * table_sectors;
  const std::uint64_t data_sector = root_sector + round_up(root_bytes_, sector_bytes) / sector_bytes;
  if (sectors * sector_bytes > size_bytes || data_sector >= sectors) throw malformed("larger than its partition");
  cluster_bytes_ = sector_bytes * boot.sectors_per_cluster;
  const std::uint64_t clusters = (sectors - data_sector) / boot.sectors_per_cluster;
  bits_ = clusters < 4085 ? 12 : clusters < 65525 ? 16 : 32;
  if (clusters > 0x0ffffff5 || table_sectors * sector_bytes < (clusters + 2) * bits_ / 8) {
    throw malformed("the allocation table is too small");
  }
  if ((bits_ == 32) != (boot.table_sectors_16 == 0))
    throw malformed("FAT32 by its number of clusters only, or not even that");
  cluster_count_ = static_cast<std::uint32_t>(clusters);
  data_at_ = data_sector * sector_bytes;
  root_at_ = root_sector * sector_bytes;
  root_cluster_ = bits_ == 32 ? std::uint32_t{boot.root_cluster} : 0;
  table_ = read_disk(disk, offset_bytes + boot.reserved_sectors * std::uint64_t{sector_bytes},
                     static_cast<std::size_t>((clusters + 2) * bits_ / 8 + 1));
  const Bytes root =
      bits_ == 32 ? directory_bytes(root_cluster_) : read_disk(disk, offset_bytes + root_at_, root_bytes_);
  read_directory(root, "", 0);
  std::ranges::sort(files_, {}, &FatFile::path);
}

std::uint32_t FatReader::next_cluster(std::uint32_t cluster) const {
  const std::size_t at = std::size_t{cluster} * bits_ / 8;
  if (bits_ == 32) {
    le32 value;
    std::memcpy(&value, table_.data() + at, 4);
    return value & 0x0fffffffU;
  }
  le16 value;
  std::memcpy(&value, table_.data() + at, 2);
  if (bits_ == 16) return value;
  return cluster % 2 == 0 ? value & 0x0fffU : value >> 4U;
}

bool FatReader::is_end(std::uint32_t cluster) const {
  return cluster >= (bits_ == 32 ? 0x0ffffff8U : bits_ == 16 ? 0xfff8U : 0xff8U);
}

std::vector<std::uint32_t> FatReader::chain(std::uint32_t first) const {
  std::vector<std::uint32_t> clusters;
  for (std::uint32_t cluster = first; !is_end(cluster); cluster = next_cluster(cluster)) {
    if (cluster < 2 || cluster - 2 >= cluster_count_) throw malformed("a chain leads outside the file system");
    if (clusters.size() == cluster_count_) throw malformed("a chain of clusters is a circle");
    clusters.push_back(cluster);
  }
  return clusters;
}

Bytes FatReader::read_cluster(std::uint32_t cluster) const {
  return read_disk(disk_, offset_bytes_ + data_at_ + std::uint64_t{cluster - 2} * cluster_bytes_, cluster_bytes_);
}

Bytes FatReader::directory_bytes(std::uint32_t first_cluster) {
  Bytes bytes;
  for (const std::uint32_t cluster : chain(first_cluster)) {
    if (bytes.size() >= max_directory_bytes) throw malformed("a directory of more than 2 MiB");
    directory_bytes_ += cluster_bytes_;
    if (directory_bytes_ > max_all_directories_bytes) throw malformed("directories of more than 64 MiB");
    const Bytes more = read_cluster(cluster);
    bytes.insert(bytes.end(), more.begin(), more.end());
  }
  return bytes;
}

void FatReader::read_directory(ByteView bytes, const std::string& path, unsigned depth) {
  if (depth > max_depth) throw malformed("directories deeper than 32 levels");
  LongName long_name;
  for (; bytes.size() >= sizeof(Entry) && bytes[0] != 0; bytes = bytes.subspan(sizeof(Entry))) {
    Entry entry;
    std::memcpy(static_cast<void*>(&entry), bytes.data(), sizeof(entry));
    if (entry.name[0] == deleted) {
      long_name.clear();
      continue;
    }
    if ((entry.attributes & 0x3f) == attribute_long_name) {
      long_name.add(bytes.first(sizeof(Entry)));
      continue;
    }
    std::string name = long_name.take(entry);
    if ((entry.attributes & attribute_volume) != 0) continue;
    if (name.empty()) name = short_name(entry);
    if (name == "." || name == "..") continue;
    if (++names_ > max_names) throw malformed("more than 65536 names");
    const std::uint32_t cluster = std::uint32_t{entry.cluster_high} << 16U | entry.cluster_low;
    const std::string full = path.empty() ? name : path + "/" + name;
    if ((entry.attributes & attribute_directory) != 0) {
      read_directory(directory_bytes(cluster), full, depth + 1);
    } else {
      files_.push_back({full, entry.size, cluster});
    }
  }
}

Bytes FatReader::read(const FatFile& file, std::uint64_t limit_bytes) const {
  if (file.size_bytes > limit_bytes) {
    throw malformed("file " + quoted(file.path) + ": larger than " + std::to_string(limit_bytes) + " bytes");
  }
  Bytes content;
  if (file.size_bytes == 0) return content;
  // Runs of neighbours in one read: a UKI has 100000 clusters on a small ESP.
  const std::vector<std::uint32_t> clusters = chain(file.first_cluster);
  if (std::uint64_t{clusters.size()} * cluster_bytes_ < file.size_bytes) {
    throw malformed("file " + quoted(file.path) + ": shorter than its size says");
  }
  for (std::size_t i = 0; i < clusters.size() && content.size() < file.size_bytes;) {
    std::size_t count = 1;
    while (i + count < clusters.size() && clusters[i + count] == clusters[i] + count) ++count;
    const std::uint64_t rest = file.size_bytes - content.size();
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(count * std::uint64_t{cluster_bytes_}, rest));
    const Bytes more =
        read_disk(disk_, offset_bytes_ + data_at_ + std::uint64_t{clusters[i] - 2} * cluster_bytes_, size);
    content.insert(content.end(), more.begin(), more.end());
    i += count;
  }
  return content;
}

std::uint64_t FatReader::free_bytes() const {
  std::uint64_t free = 0;
  for (std::uint32_t cluster = 2; cluster < cluster_count_ + 2; ++cluster) free += next_cluster(cluster) == 0 ? 1 : 0;
  return free * cluster_bytes_;
}

}  // namespace sealroot
