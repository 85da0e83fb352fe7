// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The two mounts that carry the trust: the measured image and the new root over it. Both are made detached, so that
// nothing shows in the file system before everything has been checked.
#pragma once

#include "initrd-pivot/failure.hpp"
#include "initrd-pivot/plan.hpp"

namespace sealroot {

/// Opens the image of `plan` below the directory `physical`, without following links, and has the kernel measure that
/// very file; refuses unless it is the sealed digest. Returns its fd.
int open_measured_image(Boot& boot, const Plan& plan, int physical);

/// A detached EROFS mount of the open image: from the file itself where the kernel can (6.12), else through a read-only
/// loop device. Returns the mount's fd.
int mount_image(Boot& boot, int image);

/// The new root: a detached, read-only overlay of the image over the objects, with verity=require. Both fds must be in
/// attached mounts: before 6.15 overlayfs takes no layer from a detached one.
int mount_new_root(Boot& boot, const Plan& plan, int image_mount, int objects);

}  // namespace sealroot
