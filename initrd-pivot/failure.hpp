// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// How a boot is refused: one line with reason and code, then reboot, power-off or exit; never a shell.
#pragma once

#include <initializer_list>
#include <string_view>

#include "initrd-pivot/kernel.hpp"
#include "initrd-pivot/kmsg.hpp"
#include "initrd-pivot/text.hpp"

namespace sealroot {

/// Exit status of the command form, and the number in the message of both forms.
enum class Code : int {
  usage = 2,           // command form only
  sealed_config = 10,  // command line, sealed config, module list, choice of the root partition
  image_missing = 11,  // also: no root partition, or it cannot be mounted
  no_verity = 12,
  wrong_digest = 13,
  image = 14,    // erofs
  overlay = 15,  // the new root cannot be put together or started
  state = 16,
};

/// What all steps share: the kernel, where messages go, and what has to be undone or done when a step fails.
struct Boot {
  Kernel& kernel;
  Log log;
  bool first_process = false;  // PID 1: must never end
  bool power_off = false;      // power off in place of the reboot
  std::string_view sysroot = "/sysroot";
  bool clear_sysroot = false;  // command form: a refusal unmounts all that is on `sysroot`
  bool restart = false;        // command form: a refusal ends the machine as if it were PID 1

  /// Reports the refusal and ends the program the way the sealed config wants it.
  [[noreturn]] void fail(Code code, std::initializer_list<std::string_view> reason);
  /// The same with the cause given by a negative errno appended.
  [[noreturn]] void fail(Code code, std::initializer_list<std::string_view> reason, long error);
};

/// Short description of a negative errno, re-worded for what it means to openat2 and mount where that is clearer.
Text<47> describe(long error);

}  // namespace sealroot
