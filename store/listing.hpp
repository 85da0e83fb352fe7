// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// What stands in a directory, in an order that is the same everywhere.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "store/core/fd.hpp"

namespace sealroot {

enum class EntryType : std::uint8_t { directory, regular, symlink, other };

struct DirectoryEntry {
  std::string name;
  EntryType type = EntryType::other;
};

/// The entries of `directory` but `.` and `..`, in byte order of their names.
std::vector<DirectoryEntry> list_directory(const Fd& directory);

/// Where a symlink points to.
std::string read_link(const Fd& directory, const std::string& name);

}  // namespace sealroot
