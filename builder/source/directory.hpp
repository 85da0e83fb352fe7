// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// A directory of this host as a source: what stands in it, as the only layer of a tree.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "builder/layer/limits.hpp"
#include "builder/tree/apply.hpp"
#include "store/ingest.hpp"

namespace sealroot {

/// What a walk over a directory makes of what it meets. mkcomposefs has all of it the other way.
struct DirectoryRules {
  bool hard_links = true;        // else each name becomes a file of its own
  bool one_file_system = true;   // a mount point is an error, else part of the directory
  bool refuse_whiteouts = true;  // names that would hide a file in a container image
  std::uint64_t max_entries = max_entry_count;
};

/// Walks `path` into `tree`, which is empty, in byte order of the names, without following links or (with the usual
/// rules) crossing into other mounts; files with several names inside become hard links. `progress` is told how many
/// bytes of contents have been read in all.
///   throws   Error naming the file: one that changes while it is read, is of a type that can't be stored, or can't
///            be read
void read_directory(const std::string& path, MergedTree& tree, Ingest& ingest,
                    const std::function<void(std::uint64_t)>& progress, const DirectoryRules& rules = {});

}  // namespace sealroot
