// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "initrd-pivot/kmsg.hpp"

#include <fcntl.h>

#include "initrd-pivot/text.hpp"

namespace sealroot {
namespace {

using Record = Text<1000>;  // the kernel takes records below 1 KiB

constexpr std::size_t level_size = 3;  // "<2>", for the kernel log only

Record make_record(Log::Level level, std::string_view text) {
  const char level_text[level_size] = {'<', level, '>'};
  Record line{std::string_view(level_text, level_size), "sealroot-pivot: "};
  for (const char byte : text) {
    const bool printable = byte >= 0x20 && byte < 0x7f;
    line.append(printable ? std::string_view(&byte, 1) : "?");
  }
  return line.append("\n");
}

}  // namespace

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
  const Record line = make_record(level, text);
  if (kmsg_ >= 0) kernel_.write(kmsg_, line.view());
  std::string_view plain = line.view();
  plain.remove_prefix(level_size);
  kernel_.write(console_, plain);
}

void Log::show(std::string_view lines) {
  // Of each open file the kernel takes ten records in five seconds (printk.devkmsg=ratelimit).
  constexpr unsigned records_per_file = 8;
  unsigned records = 0;
  for (std::string_view rest = lines; kmsg_ >= 0 && !rest.empty(); ++records) {
    if (records % records_per_file == 0) {
      const long fresh = kernel_.open(Kernel::working_directory, "/dev/kmsg", O_WRONLY, PathRule::trusted);
      if (fresh >= 0) kmsg_ = static_cast<int>(fresh);
    }
    const std::size_t size = rest.find('\n');
    kernel_.write(kmsg_, make_record(warning, std::string_view(rest.data(), size)).view());
    rest.remove_prefix(size + 1);
  }
  kernel_.write(console_, lines);
  const long store = kernel_.open(Kernel::working_directory, "/dev/pmsg0", O_WRONLY, PathRule::trusted);
  if (store >= 0) kernel_.write(static_cast<int>(store), lines);
}

}  // namespace sealroot
