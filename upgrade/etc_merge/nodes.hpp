// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// When two nodes of a merge count as the same (null stands for no node), and nodes made in their trees.
#pragma once

#include "builder/tree/tree.hpp"

namespace sealroot {

inline bool is_directory(const Node* node) { return node != nullptr && node->directory() != nullptr; }

/// The same type and, but for directories, the same contents.
bool same_content(const Node* left, const Node* right);

/// The same mode, owner and xattrs. Times are not compared: reading a file is enough to copy it with a new one.
bool same_metadata(const Node* left, const Node* right);

/// An empty directory without a name yet. Made in place: GCC 12 warns of a moved one.
inline NodeId add_directory(Tree& tree) {
  tree.nodes.emplace_back();
  return static_cast<NodeId>(tree.nodes.size() - 1);
}

}  // namespace sealroot
