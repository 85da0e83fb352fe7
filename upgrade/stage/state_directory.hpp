// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The state of a new deployment, as a build puts it on a new disk (builder/boot/state_tree.hpp).
#pragma once

#include <string>

#include "builder/tree/tree.hpp"
#include "store/object_store.hpp"
#include "upgrade/etc_merge/carry_over.hpp"

namespace sealroot {

/// Makes the state directory of a deployment as `name` in `parent`; see make_state_directory().
void write_state(const Fd& parent, const std::string& name, const Tree& tree, const ObjectStore& store,
                 const Digest& image, const std::string& etc, const CarriedEtc* carried = nullptr);

/// Makes SYSROOT/state/deploy/IMAGE, complete at once; one that is there stays as it is. /var is the host's, it is not
/// touched.
///   tree     the boot form; its contents are in `store`
///   etc      what the pivot does with /etc
///   carried  what of it comes from another deployment; null: it is the image's
///   throws   Error{os}. Not durable yet: see Repository::sync(), which is for the whole partition.
void make_state_directory(const Fd& sysroot, const Tree& tree, const ObjectStore& store, const Digest& image,
                          const std::string& etc, const CarriedEtc* carried = nullptr);

/// Removes the state of a deployment, as far as it is there.
void remove_state_directory(const Fd& sysroot, const Digest& image);

/// Removes what a process left that was killed in make_state_directory() or remove_state_directory().
void remove_unfinished_state(const Fd& sysroot);

}  // namespace sealroot
