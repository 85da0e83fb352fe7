// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Both forms of the program as lists of named steps.
#pragma once

#include "initrd-pivot/kernel.hpp"

namespace sealroot {

/// PID 1 of the minimal initramfs. Takes nothing from `arguments`: they come from the kernel command line, and go on to
/// the init of the new root unread.
[[noreturn]] void run_as_init(Kernel& kernel, const char* const* arguments, const char* const* environment);

/// `sealroot-pivot --sysroot DIR` and the options that only print. Both arrays end with nullptr.
[[noreturn]] void run_as_command(Kernel& kernel, const char* const* arguments);

}  // namespace sealroot
