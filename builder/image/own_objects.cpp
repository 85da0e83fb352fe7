// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/image/own_objects.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <functional>

#include "store/core/bytes.hpp"

namespace sealroot::image {
namespace {

/// A hash table of nodes by digest: open addressing, half full at most.
class NodesByDigest {
 public:
  NodesByDigest(const Tree& tree, std::size_t max_count)
      : tree_(tree), slots_(std::bit_ceil(2 * max_count + 1)), mask_(slots_.size() - 1) {}

  /// The first node that was added with this one's digest: `id` itself, if there was none.
  NodeId add(NodeId id) {
    const Digest& digest = digest_of(id);
    std::size_t slot = std::hash<std::string_view>{}(as_text(digest.bytes())) & mask_;
    for (; slots_[slot] != 0; slot = (slot + 1) & mask_) {
      if (digest_of(slots_[slot] - 1) == digest) return slots_[slot] - 1;
    }
    slots_[slot] = id + 1;
    return id;
  }

 private:
  const Digest& digest_of(NodeId id) const { return *tree_[id].regular()->digest; }

  const Tree& tree_;
  std::vector<NodeId> slots_;  // and one more; 0: empty
  std::size_t mask_;
};

}  // namespace

std::vector<bool> find_own_objects(const Tree& tree, const Survey& survey) {
  std::vector<bool> own(tree.nodes.size());
  NodesByDigest nodes(tree, survey.depth_first.size());
  for (const NodeId id : survey.depth_first) {
    const RegularFile* const file = tree[id].regular();
    if (file == nullptr) continue;
    if (!file->payload.empty()) return std::vector<bool>(tree.nodes.size());
    if (!file->digest) continue;
    const NodeId first = nodes.add(id);
    own[id] = first == id;
    if (first != id) own[first] = false;
  }
  return own;
}

}  // namespace sealroot::image
