// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "upgrade/etc_merge/nodes.hpp"

#include "builder/compare/fields.hpp"

namespace sealroot {

bool same_content(const Node* left, const Node* right) {
  if (left == nullptr || right == nullptr) return left == right;
  if (left->content.index() != right->content.index()) return false;
  if (left->regular() != nullptr) return same_content(*left->regular(), *right->regular()).value_or(false);
  if (left->symlink() != nullptr) return left->symlink()->target == right->symlink()->target;
  const auto* const device = std::get_if<DeviceNode>(&left->content);
  if (device == nullptr) return true;
  const auto& other = std::get<DeviceNode>(right->content);
  return device->block == other.block && device->rdev == other.rdev;
}

bool same_metadata(const Node* left, const Node* right) {
  if (left == nullptr || right == nullptr) return left == right;
  const Metadata& one = left->metadata;
  const Metadata& other = right->metadata;
  return one.permissions == other.permissions && one.uid == other.uid && one.gid == other.gid &&
         one.xattrs == other.xattrs;
}

}  // namespace sealroot
