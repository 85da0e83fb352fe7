// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// What a merged tree becomes before an image is made of it, so that everybody gets the same digest from the same
// container image (formats.md section 6). In order: normalise_tree(), then for a system that boots
// check_bootable_tree() and make_boot_form(); labels of a security module would follow as the last step.
#pragma once

#include "builder/tree/tree.hpp"

namespace sealroot {

struct NormaliseOptions {
  bool keep_user_xattrs = false;
};

/// `/` takes mode, owner, mtime and xattrs of /usr; /run is emptied and takes /usr's mtime; of the xattrs only
/// security.capability stays (and user.*, if wanted).
///   throws   Error{malformed}: no directory /usr, or /run is not a directory
void normalise_tree(Tree& tree, const NormaliseOptions& options = {});

/// Error{malformed} unless /etc, /var, /sysroot, /boot and /usr are directories, not links to some.
void check_bootable_tree(const Tree& tree);

/// Empties /boot and /sysroot and gives them /usr's mtime: the UKI, which holds the image digest, may stand in /boot.
void make_boot_form(Tree& tree);

}  // namespace sealroot
