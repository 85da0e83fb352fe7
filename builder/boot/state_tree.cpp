// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/boot/state_tree.hpp"

#include <unordered_map>
#include <utility>
#include <vector>

namespace sealroot {

namespace {

/// Copies everything below `from` in `source`; an explicit stack, because depth comes from the container image.
NodeId copy_subtree(const Tree& source, NodeId from, Tree& target) {
  std::unordered_map<NodeId, NodeId> copies;  // looked up only, never walked
  const auto copy = [&](NodeId id) {
    Node node{source[id].metadata, {}};
    if (source[id].directory() == nullptr) node.content = source[id].content;
    const NodeId added = target.add(std::move(node));
    copies.emplace(id, added);
    return added;
  };
  const NodeId top = copy(from);
  std::vector<NodeId> open{from};
  while (!open.empty()) {
    const NodeId id = open.back();
    open.pop_back();
    for (const auto& [name, child] : source[id].directory()->children) {
      const auto known = copies.find(child);
      const NodeId copied = known != copies.end() ? known->second : copy(child);
      if (known == copies.end() && source[child].directory() != nullptr) open.push_back(child);
      target[copies.at(id)].directory()->children.emplace(name, copied);
    }
  }
  return top;
}

}  // namespace

Tree make_state_tree(const Tree& tree) {
  Tree state;
  NodeId parent = root_node;
  for (const char* name : {"state", "os", "default"}) {
    const NodeId added = state.add(Node{});
    state[parent].directory()->children.emplace(name, added);
    parent = added;
  }
  const auto var = find(tree, "var");
  const bool present = var && tree[*var].directory() != nullptr;
  const NodeId copied = present ? copy_subtree(tree, *var, state) : state.add(Node{});
  state[parent].directory()->children.emplace("var", copied);
  return state;
}

}  // namespace sealroot
