// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Follows the mount plan: from the mounted root partition to the complete new root, mounted over it.
#pragma once

#include <string_view>

#include "initrd-pivot/failure.hpp"
#include "initrd-pivot/plan.hpp"

namespace sealroot {

/// Puts the new root over `boot.sysroot`, where the root partition is mounted, with the root partition at its /sysroot,
/// and /etc and /var as planned. Returns an fd of the new root. Nothing of the disk is mounted before the image's
/// digest was measured.
int compose_new_root(Boot& boot, const Plan& plan);

/// Reads the first byte of `init`, so that a kernel that mounts a root none of whose files can be opened (as one did that
/// loaded fs-verity only after overlayfs had asked for it) is found out here, where a restart counts as a failed try,
/// and not by a first process that just stands still. One that is not there is left to whoever starts it.
void check_first_program(Boot& boot, int new_root, std::string_view init);

/// The line that says what was mounted how.
void report_new_root(Boot& boot, const Plan& plan);

}  // namespace sealroot
