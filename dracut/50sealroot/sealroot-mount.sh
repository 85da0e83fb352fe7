#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
# mount hook, initramfs without systemd: the root partition on $NEWROOT, then the verified root over it. The pivot
# restarts the machine when it refuses.
# shellcheck disable=SC2154 # root, rflags and NEWROOT: set by dracut
mount -o "nosuid,nodev${rflags:+,$rflags}" "${root#block:}" "$NEWROOT" &&
  { /usr/lib/sealroot/sealroot-pivot --restart --sysroot "$NEWROOT" || emergency_shell "the pivot did not start"; }
