// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Trees as real files, and their removal; always below a directory that is held open, and never through a link.
#pragma once

#include "builder/tree/tree.hpp"
#include "store/core/fd.hpp"
#include "store/object_store.hpp"

namespace sealroot {

/// Fills the empty directory with what is below `node`, a directory of `tree`, and gives it that node's metadata. Run
/// by anybody but root, owners stay those of the caller.
///   throws  Error{untrusted}: an object with other bytes; Error{malformed}: a device or socket; Error{os}
void write_tree(const Fd& directory, const Tree& tree, NodeId node, const ObjectStore& store);

/// Removes what is below `directory` by the name `name`, whatever it is; nothing there is no error.
void remove_tree(const Fd& directory, const std::string& name);

}  // namespace sealroot
