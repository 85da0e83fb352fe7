// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The screen of a refused boot: how far it came, what was wanted and found, and what to do about it. It only reads what
// the kernel says about itself: the disk that was refused is not looked at again, and nothing is written to it. Nor is
// the ESP: the kernel's FAT code would have to trust whoever prepared it.
#pragma once

#include "initrd-pivot/failure.hpp"

namespace sealroot {

/// Lines of at most 80 columns, but for those with a digest; without the line `FATAL: ...`.
using Screen = Text<2047>;

Screen describe_refusal(Kernel& kernel, const Facts& facts, Code code);

/// Lets the kernel hand its log to pstore at the restart, if it has a place for it that outlives one (EFI variables,
/// ERST). Only the first refusal is kept there: firmware has little room, and a boot that fails is tried again.
void keep_kernel_log(Kernel& kernel);

}  // namespace sealroot
