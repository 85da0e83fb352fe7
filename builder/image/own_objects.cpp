// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/image/own_objects.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

#include "store/core/spill_memory.hpp"

namespace sealroot::image {
namespace {

/// A file and the start of its digest, which tells nearly all digests apart: sorting goes through memory in order,
/// looking up would not.
using Use = std::pair<std::uint64_t, NodeId>;

Use use_of(NodeId id, const Digest& digest) {
  std::uint64_t start = 0;
  std::memcpy(&start, digest.bytes().data(), sizeof(start));
  return {start, id};
}

}  // namespace

std::vector<bool> find_own_objects(const Tree& tree, const Survey& survey) {
  std::vector<bool> own(tree.nodes.size());
  SpillVector<Use> uses;
  uses.reserve(survey.depth_first.size());
  for (NodeId id = 0; id < tree.nodes.size(); ++id) {
    const RegularFile* const file = tree[id].regular();
    if (file == nullptr || survey.name_count[id] == 0) continue;
    if (!file->payload.empty()) return std::vector<bool>(tree.nodes.size());
    if (file->digest) uses.push_back(use_of(id, *file->digest));
  }
  const auto digest_of = [&](const Use& use) -> const Digest& { return *tree[use.second].regular()->digest; };
  std::sort(uses.begin(), uses.end(), [&](const Use& left, const Use& right) {
    visit_spilled();
    return left.first != right.first ? left.first < right.first : digest_of(left) < digest_of(right);
  });
  const auto is_same = [&](const Use& left, const Use& right) {
    return left.first == right.first && digest_of(left) == digest_of(right);
  };
  for (std::size_t i = 0; i < uses.size(); ++i) {
    own[uses[i].second] =
        (i == 0 || !is_same(uses[i - 1], uses[i])) && (i + 1 == uses.size() || !is_same(uses[i], uses[i + 1]));
  }
  return own;
}

}  // namespace sealroot::image
