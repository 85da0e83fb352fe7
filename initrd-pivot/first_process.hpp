// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The two ends of the form as /init: the kernel file systems before everything, the switch to the new root after.
#pragma once

#include "initrd-pivot/failure.hpp"
#include "initrd-pivot/plan.hpp"

namespace sealroot {

/// Mounts /proc, /sys and /dev of the initramfs, making the directories if the initramfs has none.
void mount_kernel_file_systems(Boot& boot);

/// Executes the initramfs's own first program with the kernel's own arguments and environment, in the initramfs as the
/// kernel left it, but for files of the ESP that systemd-stub added: nobody signed those.
[[noreturn]] void hand_over(Boot& boot, std::string_view program, const char* const* arguments,
                            const char* const* environment);

/// Mounts the root partition on boot.sysroot: ext4 or btrfs, the file systems with fs-verity.
void mount_root_partition(Boot& boot, const Plan& plan, const char* device);

/// Moves /proc, /sys and /dev along, frees what the initramfs held, makes `new_root` the root and executes `init` with
/// the kernel's own arguments and environment.
[[noreturn]] void switch_root(Boot& boot, int new_root, std::string_view init, const char* const* arguments,
                              const char* const* environment);

}  // namespace sealroot
