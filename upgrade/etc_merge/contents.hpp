// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The contents of a merged /etc, for write_tree().
#pragma once

#include "store/core/fd.hpp"
#include "upgrade/etc_merge/merge.hpp"
#include "upgrade/stage/write_tree.hpp"

namespace sealroot {

/// What is kept is read below `here` again, without following links, and must be what was looked at when the merge was
/// made; the rest is in `store`. All must outlive what is returned.
///   first_id  of the merge's nodes in the tree that is written
NodeContent merged_contents(const EtcMerge& merge, const Fd& here, const ObjectStore& store, NodeId first_id = 0);

}  // namespace sealroot
