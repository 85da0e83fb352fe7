// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// A merged /etc made into real files.
#pragma once

#include "store/core/fd.hpp"
#include "store/object_store.hpp"
#include "upgrade/etc_merge/merge.hpp"

namespace sealroot {

/// Fills the empty directory `target` with the merge, and gives it the metadata of its root. Neither below `target` nor
/// below `here` is a link followed; a file is given its mode before anybody could open it with a wider one. Run by
/// anybody but root, owners stay those of the caller.
///   here     the directory that read_live_etc() has read
///   store    has the contents of the new image
///   throws   Error{os}: a file here has changed since it was read, or can't be written; Error{untrusted}: an object
///            with other bytes. Not durable yet.
void write_etc(const Fd& target, const EtcMerge& merge, const Fd& here, const ObjectStore& store);

}  // namespace sealroot
