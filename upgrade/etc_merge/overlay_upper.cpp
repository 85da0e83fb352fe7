// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "upgrade/etc_merge/merge.hpp"
#include "upgrade/etc_merge/nodes.hpp"

namespace sealroot {

namespace {

class UpperMaker {
 public:
  UpperMaker(const EtcMerge& merge, const EtcSide& lower) : merge_(merge), lower_(lower) {}

  EtcMerge run() && {
    const Node* const lower = lower_.top ? &lower_.tree[*lower_.top] : nullptr;
    upper_.tree.nodes.clear();
    copy(root_node, lower);  // it is there in any case
    return std::move(upper_);
  }

 private:
  /// Into the upper layer, a directory with what of it differs from `lower`.
  NodeId copy(NodeId from, const Node* lower) {
    const Node& node = merge_.tree[from];
    const NodeId id = add_directory(upper_.tree);
    upper_.tree[id].metadata = node.metadata;
    if (node.directory() == nullptr) {
      upper_.tree[id].content = node.content;
      if (const auto local = merge_.local_files.find(from); local != merge_.local_files.end()) {
        upper_.local_files.emplace(id, local->second);
      }
      return id;
    }
    // Over something that is no directory, it would not be mixed with anything anyway.
    for (const auto& [name, child] : node.directory()->children) {
      const Node* const below = child_of(lower, name);
      if (needs_copy(child, below)) put(id, name, copy(child, below));
    }
    if (is_directory(lower)) {
      for (const auto& [name, child] : lower->directory()->children) {
        if (!node.directory()->children.contains(name)) put(id, name, add_whiteout());
      }
    }
    return id;
  }

  void put(NodeId directory, std::string_view name, NodeId child) {
    upper_.tree[directory].directory()->children.emplace(name, child);
  }

  const Node* child_of(const Node* directory, std::string_view name) const {
    if (!is_directory(directory)) return nullptr;
    const auto found = directory->directory()->children.find(name);
    return found == directory->directory()->children.end() ? nullptr : &lower_.tree[found->second];
  }

  bool needs_copy(NodeId id, const Node* lower) const {
    const Node& node = merge_.tree[id];
    if (!same_content(&node, lower) || !same_metadata(&node, lower)) return true;
    if (node.directory() == nullptr) return false;
    const auto& children = node.directory()->children;
    if (children.size() != lower->directory()->children.size()) return true;
    for (const auto& [name, child] : children) {
      if (needs_copy(child, child_of(lower, name))) return true;
    }
    return false;
  }

  /// As overlayfs marks what is gone.
  NodeId add_whiteout() {
    const NodeId id = add_directory(upper_.tree);
    upper_.tree[id].content = DeviceNode{false, 0};
    upper_.tree[id].metadata.permissions = 0;
    return id;
  }

  const EtcMerge& merge_;
  const EtcSide& lower_;
  EtcMerge upper_;
};

}  // namespace

EtcMerge overlay_upper(const EtcMerge& merge, const EtcSide& new_image) { return UpperMaker(merge, new_image).run(); }

}  // namespace sealroot
