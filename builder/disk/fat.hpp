// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Reader of FAT file systems in disk images from anyone: what stands on an EFI system partition. Every cluster chain is
// followed inside the partition only, and no further than the file system has clusters.
// Source: "FAT: General Overview of On-Disk Format", Microsoft, version 1.03; UEFI specification, section 13.3
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "store/core/bytes.hpp"
#include "store/core/fd.hpp"

namespace sealroot {

struct FatFile {
  std::string path;  // `EFI/Linux/name.efi`; long names as UTF-8, short ones as they stand there
  std::uint32_t size_bytes = 0;
  std::uint32_t first_cluster = 0;
};

class FatReader {
 public:
  /// The file system in these bytes of `disk`, which must outlive this. Error{malformed}: no FAT12, 16 or 32.
  FatReader(const Fd& disk, std::uint64_t offset_bytes, std::uint64_t size_bytes);

  /// All files below the root, sorted by path.
  ///   throws  Error{malformed}: a directory or chain that makes no sense; more than 65536 names or 32 levels
  const std::vector<FatFile>& files() const { return files_; }

  /// Whole content; Error{malformed} if it is larger than `limit_bytes` or its chain too short.
  Bytes read(const FatFile& file, std::uint64_t limit_bytes) const;

  std::uint64_t free_bytes() const;
  /// `FAT32` and so on.
  std::string kind() const { return "FAT" + std::to_string(bits_); }

 private:
  std::uint32_t next_cluster(std::uint32_t cluster) const;
  bool is_end(std::uint32_t cluster) const;
  std::vector<std::uint32_t> chain(std::uint32_t first) const;
  Bytes read_cluster(std::uint32_t cluster) const;
  Bytes directory_bytes(std::uint32_t first_cluster);
  void read_directory(ByteView bytes, const std::string& path, unsigned depth);

  const Fd& disk_;
  std::uint64_t offset_bytes_;
  unsigned bits_ = 0;
  std::uint32_t cluster_bytes_ = 0;
  std::uint32_t cluster_count_ = 0;  // numbered from 2
  std::uint64_t data_at_ = 0;        // of cluster 2, within the partition
  std::uint64_t root_at_ = 0;        // fixed root directory of FAT12 and 16
  std::uint32_t root_bytes_ = 0;
  std::uint32_t root_cluster_ = 0;
  Bytes table_;
  std::vector<FatFile> files_;
  std::size_t names_ = 0;
  std::size_t directory_bytes_ = 0;  // of all directories: one that holds itself would be read again and again
};

}  // namespace sealroot
