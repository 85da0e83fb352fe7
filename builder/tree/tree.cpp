// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/tree/tree.hpp"

namespace sealroot {

std::optional<NodeId> find(const Tree& tree, std::string_view path) {
  NodeId id = root_node;
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    const std::string_view name = path.substr(0, slash);
    path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
    if (name.empty()) continue;
    const Directory* directory = tree[id].directory();
    if (directory == nullptr) return std::nullopt;
    const auto child = directory->children.find(name);
    if (child == directory->children.end()) return std::nullopt;
    id = child->second;
  }
  return id;
}

}  // namespace sealroot
