// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Trees as real files, and their removal; always below a directory that is held open, and never through a link.
#pragma once

#include <functional>

#include "builder/tree/tree.hpp"
#include "store/core/fd.hpp"
#include "store/object_store.hpp"

namespace sealroot {

/// Gives the content of a file of a tree.
using NodeContent = std::function<Bytes(NodeId id, const RegularFile& file)>;

/// Fills the empty directory with what is below `node`, a directory of `tree`, and gives it that node's metadata. A
/// file has its contents only while nobody but the owner can open it. Run by anybody but root, owners stay those of the
/// caller.
///   throws  what `content` throws; Error{malformed}: a socket; Error{os}
void write_tree(const Fd& directory, const Tree& tree, NodeId node, const NodeContent& content);

/// The contents that are objects of `store`, or stand in the tree. Error{untrusted}: an object with other bytes.
NodeContent contents_in(const ObjectStore& store);

/// Removes what is below `directory` by the name `name`, whatever it is; nothing there is no error.
void remove_tree(const Fd& directory, const std::string& name);

}  // namespace sealroot
