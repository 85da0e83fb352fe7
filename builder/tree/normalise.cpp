// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/tree/normalise.hpp"

#include <string>

#include "store/core/error.hpp"

namespace sealroot {

namespace {

/// A directory at the top of the tree, or null if there is no such name. Error{malformed} if it is something else.
Node* try_top_directory(Tree& tree, std::string_view name) {
  const auto id = find(tree, name);
  if (!id) return nullptr;
  Node& node = tree[*id];
  if (node.directory() == nullptr) throw Error(Fault::malformed, "/" + std::string(name) + " is not a directory");
  return &node;
}

Node& top_directory(Tree& tree, std::string_view name) {
  Node* const node = try_top_directory(tree, name);
  if (node == nullptr) throw Error(Fault::malformed, "the image has no directory /" + std::string(name));
  return *node;
}

void empty_directory(Node& node, const Metadata& usr) {
  node.directory()->children.clear();
  node.metadata.mtime_seconds = usr.mtime_seconds;
  node.metadata.mtime_nanoseconds = usr.mtime_nanoseconds;
}

}  // namespace

XattrRule parse_xattr_rule(std::string_view name) {
  for (const XattrRule rule : {XattrRule::allowlist_only, XattrRule::keep_user_xattrs}) {
    if (name == xattr_rule_name(rule)) return rule;
  }
  throw Error(Fault::usage, "--xattrs " + quoted(name) + ": not one of allowlist-only and keep-user-xattrs");
}

std::string_view xattr_rule_name(XattrRule rule) {
  return rule == XattrRule::allowlist_only ? "allowlist-only" : "keep-user-xattrs";
}

void normalise_tree(Tree& tree, XattrRule xattrs) {
  const Metadata& usr = top_directory(tree, "usr").metadata;
  tree[root_node].metadata = usr;
  if (Node* const run = try_top_directory(tree, "run")) empty_directory(*run, usr);
  for (Node& node : tree.nodes) {
    node.metadata.xattrs.erase_if([&](const auto& xattr) {
      const bool kept = xattr.first == "security.capability" ||
                        (xattrs == XattrRule::keep_user_xattrs && xattr.first.starts_with("user."));
      return !kept;
    });
  }
}

void check_bootable_tree(const Tree& tree) {
  for (const std::string name : {"etc", "var", "sysroot", "boot", "usr"}) {
    const auto id = find(tree, name);
    if (!id) {
      throw Error(Fault::malformed, "the image has no directory /" + name + ", which a system that boots must have");
    }
    const Node& node = tree[*id];
    if (node.directory() != nullptr) continue;
    const std::string kind = node.symlink() != nullptr ? "a symbolic link" : "not a directory";
    throw Error(Fault::malformed, "/" + name + " is " + kind + "; in a system that boots it must be a directory");
  }
}

void make_boot_form(Tree& tree) {
  const Metadata& usr = top_directory(tree, "usr").metadata;
  for (const std::string_view name : {"boot", "sysroot"}) empty_directory(top_directory(tree, name), usr);
}

}  // namespace sealroot
