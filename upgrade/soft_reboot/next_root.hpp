// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The root that systemd goes over to in a soft reboot, made in /run/nextroot by the pivot's own code (initrd-pivot/):
// the same list of mounts with the same checks as at boot, from the sealed configuration of a signed UKI. The pivot in
// the initramfs knows nothing of this: it can't be led here.
//
//   /run/nextroot   copy of the mount of /sysroot, private      what the pivot finds mounted in an initramfs
//                   new root on top of it, /sysroot /etc /var   what the pivot makes of it
#pragma once

#include <string>

#include "store/core/fd.hpp"

namespace sealroot {

/// Where systemd looks for it (systemd-soft-reboot.service(8)).
inline constexpr const char* next_root_path = "/run/nextroot";

/// Makes it, in place of one that is there already.
///   config  text of /sealroot.conf, out of a UKI whose signature was checked
///   throws  Error{untrusted}: the image or an object is not the sealed one; Error{os}: it can't be mounted, in the
///           pivot's words. Nothing is left mounted then.
void make_next_root(const Fd& sysroot, const std::string& config);

/// Takes it away, as far as it is there.
void remove_next_root();

}  // namespace sealroot
