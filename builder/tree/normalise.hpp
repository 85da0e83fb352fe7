// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// What a merged tree becomes before an image is made of it, so that everybody gets the same digest from the same
// container image (formats.md section 6). In order: normalise_tree(), then for a system that boots
// check_bootable_tree(), make_boot_form() and label_tree() of builder/labels.
#pragma once

#include <string_view>

#include "builder/tree/tree.hpp"

namespace sealroot {

/// Which xattrs of the source stay, in the names of `cfsctl --xattrs`: security.capability alone, or user.* too.
enum class XattrRule { allowlist_only, keep_user_xattrs };

/// Error{usage} if it is neither name.
XattrRule parse_xattr_rule(std::string_view name);
std::string_view xattr_rule_name(XattrRule rule);

/// `/` takes mode, owner, mtime and xattrs of /usr; /run is emptied and takes /usr's mtime; xattrs go by the rule.
///   throws   Error{malformed}: no directory /usr, or /run is not a directory
void normalise_tree(Tree& tree, XattrRule xattrs = XattrRule::allowlist_only);

/// Error{malformed} unless /etc, /var, /sysroot, /boot and /usr are directories, not links to some.
void check_bootable_tree(const Tree& tree);

/// Empties /boot and /sysroot and gives them /usr's mtime: the UKI, which holds the image digest, may stand in /boot.
void make_boot_form(Tree& tree);

}  // namespace sealroot
