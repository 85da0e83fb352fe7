// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "initrd-pivot/steps.hpp"

#include <fcntl.h>

#include <array>
#include <cerrno>

#include "initrd-pivot/cmdline.hpp"
#include "initrd-pivot/config.hpp"
#include "initrd-pivot/execute.hpp"
#include "initrd-pivot/failure.hpp"
#include "initrd-pivot/first_process.hpp"
#include "initrd-pivot/modules.hpp"
#include "initrd-pivot/plan.hpp"
#include "initrd-pivot/root_partition.hpp"

namespace sealroot {
namespace {

constexpr std::string_view usage =
    "Usage: sealroot-pivot [--restart] --sysroot DIR\n"
    "       sealroot-pivot --dry-run [--sysroot DIR] [--config FILE] [--cmdline FILE]\n"
    "\n"
    "Verifies the image named by /sealroot.conf and mounts it as the new root over\n"
    "DIR, where the root partition is mounted; that ends up in the new root's\n"
    "/sysroot. As PID 1 it is a whole initramfs and takes no options.\n"
    "\n"
    "  --sysroot DIR   where the root partition is mounted (for --dry-run: /sysroot)\n"
    "  --restart       if the root is refused, restart the machine (or power off, as\n"
    "                  the config says) in place of an exit status\n"
    "  --dry-run       check config and command line, print the mount plan, change\n"
    "                  nothing\n"
    "  --config FILE   dry run: config to read (default /sealroot.conf)\n"
    "  --cmdline FILE  dry run: command line to check (default /proc/cmdline)\n"
    "  --help          print this text\n"
    "  --version       print the version\n"
    "\n"
    "Exit status: 0; 2 usage; 10 command line or config; 11 image missing; 12 image\n"
    "without fs-verity; 13 wrong digest; 14 erofs; 15 overlay; 16 state.\n";

// The content of a file that must end before `buffer` does.
std::string_view read_whole(Boot& boot, const char* path, std::span<std::uint8_t> buffer) {
  const long fd = boot.kernel.open(Kernel::working_directory, path, O_RDONLY, PathRule::trusted);
  const long size = fd < 0 ? fd : boot.kernel.read(static_cast<int>(fd), buffer, 0);
  if (size < 0) boot.fail(Code::sealed_config, {"reading ", path}, size);
  if (static_cast<std::size_t>(size) == buffer.size()) boot.fail(Code::sealed_config, {path, ": too large"});
  return as_text(ByteView(buffer).first(static_cast<std::size_t>(size)));
}

Config read_config(Boot& boot, const char* path) {
  static std::array<std::uint8_t, Config::max_size_bytes + 1> buffer;  // the config's views point into it
  Config config;
  if (const auto refused = parse_config(read_whole(boot, path, buffer), config)) {
    boot.fail(Code::sealed_config, {refused->view()});
  }
  boot.power_off = config.power_off;
  boot.facts.wanted = config.digest;
  return config;
}

void check_command_line(Boot& boot, Config& config, const char* path) {
  boot.facts.stage = Stage::command_line;
  std::array<std::uint8_t, 8192> buffer{};
  if (const auto refused = refuse_command_line(read_whole(boot, path, buffer), config)) {
    boot.fail(Code::sealed_config, {refused->view()});
  }
  boot.facts.wanted = config.digest;
  // Whatever comes of this boot, nobody takes it for a sealed one.
  if (config.unsealed) {
    boot.log.say(Log::critical, "UNSEALED: built without fs-verity, whoever can write to the disk decides what runs");
  }
  if (config.adopts_digest) boot.log.say(Log::info, "digest from the command line, as good as the UKI's signature");
}

struct Options {
  bool dry_run = false;
  bool restart = false;
  bool help = false;
  bool version = false;
  const char* sysroot = nullptr;
  const char* config = nullptr;
  const char* command_line = nullptr;
};

[[noreturn]] void fail_usage(Kernel& kernel, std::string_view what, std::string_view argument) {
  const Reason line{"sealroot-pivot: ", what, argument, " (see --help)\n"};
  kernel.write(2, line.view());
  for (;;) kernel.exit(static_cast<int>(Code::usage));
}

Options parse_options(Kernel& kernel, const char* const* arguments) {
  Options options;
  if (*arguments != nullptr) ++arguments;
  for (; *arguments != nullptr; ++arguments) {
    const std::string_view argument(*arguments);
    const char** value = argument == "--sysroot"   ? &options.sysroot
                         : argument == "--config"  ? &options.config
                         : argument == "--cmdline" ? &options.command_line
                                                   : nullptr;
    bool* flag = argument == "--dry-run"   ? &options.dry_run
                 : argument == "--restart" ? &options.restart
                 : argument == "--help"    ? &options.help
                 : argument == "--version" ? &options.version
                                           : nullptr;
    if (flag != nullptr) {
      *flag = true;
    } else if (value == nullptr) {
      fail_usage(kernel, "unknown argument ", argument);
    } else if (*++arguments == nullptr) {
      fail_usage(kernel, "value missing for ", argument);
    } else {
      *value = *arguments;
    }
  }
  return options;
}

// Another config or command line can only be looked at, never booted from.
void check_options(Kernel& kernel, const Options& options) {
  if (!options.dry_run && options.config != nullptr) fail_usage(kernel, "only with --dry-run: ", "--config");
  if (!options.dry_run && options.command_line != nullptr) fail_usage(kernel, "only with --dry-run: ", "--cmdline");
  if (!options.dry_run && options.sysroot == nullptr) fail_usage(kernel, "nothing to do: ", "--sysroot missing");
  if (options.dry_run && options.restart) fail_usage(kernel, "not with --dry-run: ", "--restart");
  if (options.sysroot == nullptr) return;
  const std::string_view sysroot(options.sysroot);
  if (!sysroot.starts_with('/') || sysroot == "/" || sysroot.size() > 100) {
    fail_usage(kernel, "not an absolute path of 2 to 100 bytes: ", sysroot);
  }
}

[[noreturn]] void print_and_exit(Kernel& kernel, std::string_view text) {
  kernel.write(1, text);
  for (;;) kernel.exit(0);
}

}  // namespace

void run_as_init(Kernel& kernel, const char* const* arguments, const char* const* environment) {
  Boot boot{.kernel = kernel, .log = Log(kernel), .first_process = true};
  mount_kernel_file_systems(boot);
  boot.log.open_console();
  Config config = read_config(boot, "/sealroot.conf");
  check_command_line(boot, config, "/proc/cmdline");
  // The initramfs of a distribution has a shell and obeys many tokens; none was added, so it may start. It calls the
  // command form once the root partition is mounted.
  const bool in_front = *arguments != nullptr && std::string_view(*arguments) == handover_name;
  if (in_front && !config.handover.empty()) hand_over(boot, config.handover, arguments, environment);
  load_modules(boot);
  const Plan plan = make_plan(config);
  const Firmware firmware = read_firmware(kernel);
  mount_root_partition(boot, plan, find_root_partition(boot, firmware).c_str());
  const int new_root = compose_new_root(boot, plan);
  report_new_root(boot, plan);
  if (!firmware.secure_boot) boot.log.say(Log::warning, "not sealed: Secure Boot off");
  switch_root(boot, new_root, config.init, arguments, environment);
}

void run_as_command(Kernel& kernel, const char* const* arguments) {
  const Options options = parse_options(kernel, arguments);
  if (options.help) print_and_exit(kernel, usage);
  if (options.version) print_and_exit(kernel, "sealroot-pivot " SEALROOT_VERSION "\n");
  check_options(kernel, options);
  Boot boot{.kernel = kernel, .log = Log(kernel)};
  if (options.sysroot != nullptr) boot.sysroot = options.sysroot;
  boot.log.open_standard_error(!options.dry_run);
  boot.clear_sysroot = !options.dry_run;
  boot.restart = options.restart;
  Config config = read_config(boot, options.config != nullptr ? options.config : "/sealroot.conf");
  check_command_line(boot, config, options.command_line != nullptr ? options.command_line : "/proc/cmdline");
  const Plan plan = make_plan(config);
  if (options.dry_run) print_and_exit(kernel, describe_plan(plan, boot.sysroot).view());
  check_first_program(boot, compose_new_root(boot, plan), config.init);
  report_new_root(boot, plan);
  for (;;) kernel.exit(0);
}

}  // namespace sealroot
