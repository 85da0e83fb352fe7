// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "initrd-pivot/kmsg.hpp"

#include <fcntl.h>

#include "initrd-pivot/text.hpp"

namespace sealroot {

void Log::open_console() {
  const int console =
      static_cast<int>(kernel_.open(Kernel::working_directory, "/dev/console", O_RDWR | O_NOCTTY, PathRule::trusted));
  if (console >= 3) console_ = console;
  // A number below 3 means that the kernel found no console for standard input and output: the initramfs had no node.
  for (int standard = 0; console >= 0 && console < 3 && standard < 3; ++standard) {
    if (standard != console) kernel_.duplicate(console, standard);
  }
  kmsg_ = static_cast<int>(kernel_.open(Kernel::working_directory, "/dev/kmsg", O_WRONLY, PathRule::trusted));
}

void Log::open_standard_error(bool with_kernel_log) {
  if (!with_kernel_log) return;
  kmsg_ = static_cast<int>(kernel_.open(Kernel::working_directory, "/dev/kmsg", O_WRONLY, PathRule::trusted));
}

void Log::say(Level level, std::string_view text) {
  constexpr std::size_t prefix = 3;  // "<2>", for the kernel log only
  const char level_text[prefix] = {'<', level, '>'};
  Text<1000> line{std::string_view(level_text, prefix), "sealroot-pivot: "};  // the kernel takes records below 1 KiB
  for (const char byte : text) {
    const bool printable = byte >= 0x20 && byte < 0x7f;
    line.append(printable ? std::string_view(&byte, 1) : "?");
  }
  line.append("\n");
  if (kmsg_ >= 0) kernel_.write(kmsg_, line.view());
  std::string_view plain = line.view();
  plain.remove_prefix(prefix);
  kernel_.write(console_, plain);
}

}  // namespace sealroot
