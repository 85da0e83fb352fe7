// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Messages on the console and in the kernel log, where they survive until somebody can read them.
#pragma once

#include <string_view>

#include "initrd-pivot/kernel.hpp"

namespace sealroot {

class Log {
 public:
  enum Level : char { critical = '2', warning = '4', info = '6' };

  explicit Log(Kernel& kernel) : kernel_(kernel) {}

  /// PID 1: opens /dev/console and /dev/kmsg, and gives init a standard input and output if the kernel had none.
  void open_console();
  /// Command form: messages go to standard error (already open) and, unless nothing may be changed, to /dev/kmsg.
  void open_standard_error(bool with_kernel_log);

  /// Many lines, each with its newline: as one block on the console, line by line in the kernel log, and in pstore's
  /// room for messages of programs, which outlives the restart on machines that have it.
  void show(std::string_view lines);

  /// One line `sealroot-pivot: TEXT`; bytes outside printable ASCII come out as `?`.
  void say(Level level, std::string_view text);

 private:
  Kernel& kernel_;
  int console_ = 2;  // the kernel opens it for PID 1 when it finds a console
  int kmsg_ = -1;
};

}  // namespace sealroot
