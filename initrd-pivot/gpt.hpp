// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// GUID partition tables, just enough to find the root partition by its type. Source: UEFI specification, section 5.3;
// types: UAPI Discoverable Partitions Specification.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "store/core/bytes.hpp"

namespace sealroot {

/// A GUID as it lies on disk: the first three fields little endian.
using Guid = std::array<std::uint8_t, 16>;

/// From `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`, either case; nullopt for any other text.
std::optional<Guid> try_parse_guid(std::string_view text);

/// Type of the root partition of the architecture this program is built for.
#if defined(__aarch64__)
inline constexpr std::string_view root_partition_type = "b921b045-1df0-41c3-af44-4c6f280d3fae";
#else
inline constexpr std::string_view root_partition_type = "4f68bce3-e8cd-4db1-96e7-fbcaf984b709";
#endif

/// How much of the start of a disk try_read_gpt() looks at: both sector sizes with their usual 16 KiB of entries.
inline constexpr std::size_t gpt_window_bytes = 32 * 1024;

/// What one disk has to offer.
struct PartitionTable {
  bool holds_boot_partition = false;  // a partition whose unique GUID is the one asked for
  unsigned root_count = 0;
  unsigned root_number = 0;  // of the last root partition, counted from 1
};

/// Reads the primary table from the first bytes of a disk. nullopt: no valid table; signature, both CRCs, sizes and
/// place are checked. A damaged primary table is not replaced by the backup: the kernel makes no partitions then.
std::optional<PartitionTable> try_read_gpt(ByteView start, const Guid& root_type,
                                           const std::optional<Guid>& boot_partition);

}  // namespace sealroot
