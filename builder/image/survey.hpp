// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// One walk over the tree before anything is planned: is this a tree that an image can hold, and where is each inode
// numbered? Trees come from untrusted layers and dumpfiles, so every limit of the format is checked here, where the
// path is at hand for the message.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "builder/tree/tree.hpp"

namespace sealroot::image {

struct Survey {
  SpillTable<std::uint32_t> name_count;  // by NodeId; 0: not reachable
  SpillTable<NodeId> home;               // by NodeId: directory of the primary name; of /: itself
  SpillTable<NodeId> depth_first;        // reachable nodes in the order they are met
  std::size_t all_names = 0;             // of all nodes but the root
  std::size_t directory_count = 0;
  bool has_whiteout = false;
};

/// Throws Error{malformed} for a tree that no image can hold.
Survey survey(const Tree& tree);

/// A character device 0:0, which overlayfs takes for a deleted name.
bool is_whiteout(const Node& node);

/// Is `name` in `directory` the one where the inode of `node` is numbered? With two names in one directory the
/// first asked for is.
bool is_primary(const Tree& tree, const Survey& survey, NodeId node, NodeId directory, std::string_view name);

/// log2 of the chunk size of a file that lives in an object: one chunk, if a chunk can be that large.
unsigned chunk_bits(std::uint64_t size);
std::uint64_t chunk_count(std::uint64_t size);

}  // namespace sealroot::image
