// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// How a boot is refused: one line with reason and code, one screen that says what was found and what to do, then
// reboot, power-off or exit; never a shell.
#pragma once

#include <initializer_list>
#include <optional>
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

/// What a boot does one after the other; a refusal says how far it came.
enum class Stage { sealed_config, command_line, modules, root_partition, image, erofs, overlay, state, start };

/// What the steps found out, for the screen of a refusal.
struct Facts {
  Stage stage = Stage::sealed_config;
  std::optional<Digest> wanted;
  std::optional<Measurement> found;
  Path root;       // device of the root partition; empty: another program mounted it, or none was found
  Path image;      // below the root partition; empty: not looked for
  long error = 0;  // negative errno that ended the last stage, 0: another reason
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
  Facts facts{};

  /// Reports the refusal and ends the program the way the sealed config wants it.
  [[noreturn]] void fail(Code code, std::initializer_list<std::string_view> reason);
  /// The same with the cause given by a negative errno appended.
  [[noreturn]] void fail(Code code, std::initializer_list<std::string_view> reason, long error);

 private:
  void explain(Code code);
};

/// How long the screen can be read before a restart. A power-off waits for nobody.
inline constexpr unsigned reading_milliseconds = 10'000;

/// Short description of a negative errno, re-worded for what it means to openat2 and mount where that is clearer.
Text<47> describe(long error);

}  // namespace sealroot
