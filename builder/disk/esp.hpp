// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The EFI system partition: FAT32, made by mkfs.fat and filled by mcopy.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "builder/disk/disk.hpp"
#include "builder/disk/uuid.hpp"

namespace sealroot {

/// A path as FAT compares it, which does not tell upper from lower case.
std::string fold_case(std::string path);

/// Bytes of an ESP with room for these files and two updates of each, in whole MiB, at least 64 MiB.
std::uint64_t sensible_esp_bytes(const std::vector<EspFile>& files);

/// Error{usage}, saying how much is needed, if the files don't fit or FAT32 can't be that small.
void check_esp_size(const std::vector<EspFile>& files, std::uint64_t size_bytes);

/// Writes the partition to `disk`, which reads as zeros there.
void write_esp(const std::vector<EspFile>& files, const Fd& disk, std::uint64_t offset_bytes, std::uint64_t size_bytes,
               const Uuid& uuid, std::int64_t timestamp);

}  // namespace sealroot
