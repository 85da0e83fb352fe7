// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/disk/esp.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <set>

#include "builder/disk/program.hpp"
#include "store/core/error.hpp"
#include "store/core/hex.hpp"

namespace sealroot {
namespace {

constexpr std::uint64_t sector_bytes = 512;
constexpr std::uint64_t mebibyte = 1U << 20;
constexpr std::uint64_t most_sectors_per_cluster = 8;

/// FAT32 is FAT32 by having 65525 clusters and more; with both file allocation tables this many sectors hold them.
constexpr std::uint64_t fat32_sectors_per_cluster_sector = 67584;
constexpr std::uint64_t least_esp_bytes = 34 * mebibyte;
constexpr std::uint64_t sensible_least_bytes = 64 * mebibyte;

constexpr std::size_t longest_name = 255;

/// FAT counts from 1980, and 2107 is its last year.
constexpr std::int64_t first_fat_time = 315532800;
constexpr std::int64_t last_fat_time = 4354819198;

std::uint64_t sectors_per_cluster(std::uint64_t size_bytes) {
  std::uint64_t sectors = most_sectors_per_cluster;
  while (sectors > 1 && size_bytes / sector_bytes < sectors * fat32_sectors_per_cluster_sector) sectors /= 2;
  return sectors;
}

void check_path(const std::string& path) {
  const auto fail = [&](const char* reason) { throw Error(Fault::usage, "ESP file " + quoted(path) + ": " + reason); };
  std::string component;
  for (const char c : path + "/") {
    if (c == '/') {
      if (component.empty()) fail("an empty name in the path");
      if (component.back() == '.') fail("a name that ends with a dot, which FAT leaves out");
      if (component.size() > longest_name) fail("a name of more than 255 characters");
      component.clear();
    } else if (std::string_view("+_.-").find(c) != std::string_view::npos || (c >= '0' && c <= '9') ||
               (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')) {
      component += c;
    } else {
      fail("only letters, digits and + _ . - can stand in names on the ESP");
    }
  }
}

/// The files by path, checked: FAT does not tell upper from lower case.
std::vector<EspFile> sorted(const std::vector<EspFile>& files) {
  std::set<std::string> seen;
  for (const EspFile& file : files) {
    check_path(file.path);
    if (!seen.insert(fold_case(file.path)).second)
      throw Error(Fault::usage, "ESP file " + quoted(file.path) + ": twice");
  }
  std::vector<EspFile> result = files;
  std::ranges::sort(result, {}, &EspFile::path);
  return result;
}

/// Directories the files stand in, parents first.
std::vector<std::string> directories(const std::vector<EspFile>& files) {
  std::vector<std::string> result;
  std::set<std::string> seen;
  for (const EspFile& file : files) {
    for (std::size_t slash = file.path.find('/'); slash != std::string::npos; slash = file.path.find('/', slash + 1)) {
      const std::string directory = file.path.substr(0, slash);
      if (seen.insert(fold_case(directory)).second) result.push_back(directory);
    }
  }
  return result;
}

/// Bytes of a partition that just holds the files, in clusters of the largest size we use.
std::uint64_t needed_bytes(const std::vector<EspFile>& files) {
  constexpr std::uint64_t cluster = most_sectors_per_cluster * sector_bytes;
  std::uint64_t bytes = 0;
  for (const EspFile& file : files) bytes += round_up(std::uint64_t{file.content.size()}, cluster) + 2 * cluster;
  bytes += bytes / 60 + mebibyte / 2;  // file allocation tables: 2 * 4 bytes a cluster of 512 bytes or more
  return std::max(round_up(bytes, mebibyte), least_esp_bytes);
}

Fd in_memory(ByteView content) {
  Fd file(::memfd_create("content", MFD_CLOEXEC));
  if (!file) throw os_error("copying to the ESP");
  write_all(file, content);
  return file;
}

void format(const Fd& disk, std::uint64_t offset_bytes, std::uint64_t size_bytes, const Uuid& uuid) {
  std::string volume_id(8, '0');
  hex_encode(ByteView(uuid).first(4), volume_id.data());
  const std::string first_sector = std::to_string(offset_bytes / sector_bytes);
  run_program(
      {"mkfs.fat", "dosfstools"},
      {"--invariant", "-F", "32", "-S", "512", "-s", std::to_string(sectors_per_cluster(size_bytes)), "-i", volume_id,
       "-n", "ESP", "-h", first_sector, "--offset", first_sector, inherited_path(0), std::to_string(size_bytes / 1024)},
      {"LC_ALL=C", "TZ=UTC"}, {disk});
}

/// Makes EFI/Linux as large as one cluster of the largest size is, room for more boot entries than fit onto an ESP. A
/// directory that has to grow when an entry is added is written in two places at once: a power cut between them leaves
/// one whose clusters lead nowhere, and to firmware that is an empty one.
void make_room_for_entries(const std::string& image, const Fd& disk, const std::vector<std::string>& environment) {
  constexpr std::size_t name_count = 7;  // each of 200 characters takes 17 places of 32 bytes
  std::vector<std::string> arguments{"-i", image};
  for (std::size_t i = 0; i < name_count; ++i) {
    arguments.push_back("::/EFI/Linux/" + std::string(199, 'x') + std::to_string(i));
  }
  run_program({"mmd", "mtools"}, arguments, environment, {disk});
  run_program({"mrd", "mtools"}, arguments, environment, {disk});
}

}  // namespace

std::string fold_case(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

std::uint64_t sensible_esp_bytes(const std::vector<EspFile>& files) {
  std::uint64_t content = 0;
  for (const EspFile& file : files) content += file.content.size();
  return std::max(round_up(3 * content + content / 16 + 2 * mebibyte, mebibyte), sensible_least_bytes);
}

void check_esp_size(const std::vector<EspFile>& files, std::uint64_t size_bytes) {
  const std::uint64_t needed = needed_bytes(files);
  if (size_bytes >= needed) return;
  throw Error(Fault::usage, "an ESP of " + std::to_string(size_bytes) + " bytes is too small: at least " +
                                std::to_string(needed) + " bytes are needed");
}

void write_esp(const std::vector<EspFile>& files, const Fd& disk, std::uint64_t offset_bytes, std::uint64_t size_bytes,
               const Uuid& uuid, std::int64_t timestamp) {
  const std::vector<EspFile> ordered = sorted(files);
  format(disk, offset_bytes, size_bytes, uuid);

  const std::string image = inherited_path(0) + "@@" + std::to_string(offset_bytes);
  const std::int64_t fat_time = std::clamp(timestamp, first_fat_time, last_fat_time);
  const std::vector<std::string> environment{"LC_ALL=C", "TZ=UTC", "MTOOLSRC=/dev/null",
                                             "SOURCE_DATE_EPOCH=" + std::to_string(fat_time)};
  for (const std::string& directory : directories(ordered)) {
    run_program({"mmd", "mtools"}, {"-i", image, "::/" + directory}, environment, {disk});
    if (directory == "EFI/Linux" && sectors_per_cluster(size_bytes) < most_sectors_per_cluster) {
      make_room_for_entries(image, disk, environment);
    }
  }
  for (const EspFile& file : ordered) {
    const Fd content = in_memory(file.content);
    during(quoted(file.path), [&] {
      run_program({"mcopy", "mtools"}, {"-i", image, inherited_path(1), "::/" + file.path}, environment,
                  {disk, content});
    });
  }
}

}  // namespace sealroot
