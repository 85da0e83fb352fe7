// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// sealroot-pivot: verifies the image the signed UKI names and makes it the root. As PID 1 it is the whole /init of the
// minimal initramfs; as a command (`--sysroot DIR`) it does the middle part for other initramfs systems.
#include "initrd-pivot/linux_kernel.hpp"
#include "initrd-pivot/steps.hpp"

namespace sealroot {

extern "C" int pivot_main(int, const char* const* arguments, const char* const* environment) {
  LinuxKernel kernel;
  if (kernel.process_id() == 1) run_as_init(kernel, arguments, environment);
  run_as_command(kernel, arguments);
}

}  // namespace sealroot
