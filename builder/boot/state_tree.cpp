// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/boot/state_tree.hpp"

#include <initializer_list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "store/core/digest_text.hpp"

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

NodeId add_directory(Tree& tree) {
  tree.nodes.emplace_back();
  return static_cast<NodeId>(tree.nodes.size() - 1);
}

/// Makes what is missing of `path` and returns its last directory.
NodeId make_directories(Tree& tree, std::initializer_list<std::string> path) {
  NodeId parent = root_node;
  for (const std::string& name : path) {
    const auto known = tree[parent].directory()->children.find(name);
    if (known != tree[parent].directory()->children.end()) {
      parent = known->second;
      continue;
    }
    const NodeId added = add_directory(tree);
    tree[parent].directory()->children.emplace(name, added);
    parent = added;
  }
  return parent;
}

/// Gives `parent` a directory `path` with all that is below it in `tree`.
void copy_directory(const Tree& tree, std::string_view path, Tree& state, NodeId parent) {
  const auto source = find(tree, path);
  const bool present = source && tree[*source].directory() != nullptr;
  const NodeId copied = present ? copy_subtree(tree, *source, state) : add_directory(state);
  state[parent].directory()->children.emplace(path, copied);
}

}  // namespace

Tree make_state_tree(const Tree& tree, const Digest& image, const std::string& etc) {
  Tree state;
  copy_directory(tree, "var", state, make_directories(state, {"state", "os", "default"}));
  const std::string deployment = to_hex(image);
  if (etc == "bind") {
    copy_directory(tree, "etc", state, make_directories(state, {"state", "deploy", deployment}));
    return state;
  }
  make_directories(state, {"state", "deploy", deployment, "etc", "work"});
  const NodeId upper = make_directories(state, {"state", "deploy", deployment, "etc", "upper"});
  if (const auto source = find(tree, "etc")) state[upper].metadata.xattrs = tree[*source].metadata.xattrs;
  return state;
}

}  // namespace sealroot
