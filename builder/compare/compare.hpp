// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// What differs between two trees, path by path and field by field. Everything that can make two images of the trees
// differ is a field; nothing else is.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "builder/tree/tree.hpp"

namespace sealroot {

/// One property of a node as text, escaped as in dumpfiles (an empty value is `-`); nullopt: it has none.
struct FieldChange {
  std::string field;  // type, mode, uid, gid, mtime, size, digest, content, payload, target, device, links, hard link,
                      // first name, or "xattr NAME"
  std::optional<std::string> before;
  std::optional<std::string> after;
};

struct Change {
  std::string_view path;            // "/usr/bin"; "/" for the root
  const Node* before;               // null: the path was added
  const Node* after;                // null: the path was removed
  std::vector<FieldChange> fields;  // of a path that both trees have; never empty then
};

/// Of files that are there or different on one side only, each inode once, and of the objects of both sides.
struct Amount {
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;
};

struct Comparison {
  std::uint64_t added = 0;  // paths
  std::uint64_t removed = 0;
  std::uint64_t changed = 0;
  Amount files_added;  // files that were added, or have another content than before
  Amount files_removed;
  Amount objects_shared;
  Amount objects_added;
  Amount objects_removed;
  /// False if the trees name contents by digests of different algorithms: then only sizes of these were compared.
  bool contents_compared = true;

  bool equal() const { return added + removed + changed == 0 && contents_compared; }
};

/// Calls `visit` for each path that differs, depth first in byte order of the names. Both trees are walked once, side
/// by side; memory is a few bytes a node.
Comparison compare_trees(const Tree& before, const Tree& after, const std::function<void(const Change&)>& visit);

}  // namespace sealroot
