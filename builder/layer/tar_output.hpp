// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Tars written record by record, so that their bytes depend on what they hold and on nothing else. Sources:
// POSIX.1-2017 pax(1), "ustar Interchange Format" and "pax Extended Header".
#pragma once

#include <cstdint>
#include <string>

#include "builder/tree/tree.hpp"
#include "store/core/bytes.hpp"

namespace sealroot {

struct NewTarEntry {
  std::string path;  // relative, of a directory with `/` at its end
  Metadata metadata;
  std::uint64_t size_bytes = 0;  // of a file
};

/// The records before the data of a file or directory: what the header has no room for stands in a PAX record.
/// Nanoseconds are left out.
std::string tar_entry_start(const NewTarEntry& entry);

/// What follows `size_bytes` bytes of data.
std::string tar_padding(std::uint64_t size_bytes);

/// What follows the last entry.
std::string tar_end();

}  // namespace sealroot
