// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Follows the mount plan: from the mounted root partition to the complete new root, mounted over it.
#pragma once

#include "initrd-pivot/failure.hpp"
#include "initrd-pivot/plan.hpp"

namespace sealroot {

/// Puts the new root over `boot.sysroot`, where the root partition is mounted, with the root partition at its /sysroot,
/// and /etc and /var as planned. Returns an fd of the new root. Nothing of the disk is mounted before the image's
/// digest was measured.
int compose_new_root(Boot& boot, const Plan& plan);

/// The line that says what was mounted how.
void report_new_root(Boot& boot, const Plan& plan);

}  // namespace sealroot
