// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "cli/host_arguments.hpp"

#include <CLI/CLI.hpp>

namespace sealroot {

void add_host_options(CLI::App& command, HostPaths& paths, bool with_esp) {
  command
      .add_option("--sysroot", paths.sysroot,
                  "root partition of a host that does not run\n(default: /sysroot of this one)")
      ->type_name("DIR");
  if (with_esp) {
    command.add_option("--esp", paths.esp, "mounted ESP (default: /efi, /boot/efi or\n/boot)")->type_name("DIR");
  }
  command
      .add_option("--proc-cmdline", paths.command_line,
                  "what the host's kernel was started with\n(default: /proc/cmdline; none with --sysroot)")
      ->type_name("FILE");
  command
      .add_option("--efivars", paths.efivars, "EFI variables (default: those of this\nmachine; none with --sysroot)")
      ->type_name("DIR");
}

void add_soft_reboot_option(CLI::App& command, std::string& mode) {
  command
      .add_option(
          "--soft-reboot", mode,
          "go over to it without the firmware, if kernel and\ninitramfs are the same; required: else do nothing")
      ->check(CLI::IsMember({"auto", "required"}))
      ->type_name("MODE");
}

}  // namespace sealroot
