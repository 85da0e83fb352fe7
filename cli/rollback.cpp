// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// `sealroot rollback`: boot another deployment next.
#include "upgrade/rollback.hpp"

#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/host_arguments.hpp"
#include "cli/print_record.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"

namespace sealroot {

namespace {

struct RollbackArguments {
  HostPaths paths;
  RollbackOptions options;
  std::string soft_reboot;
  bool json = false;
};

void print_result(const RollbackArguments& arguments, const RollbackResult& result) {
  if (arguments.json) {
    const nlohmann::ordered_json record = {{"image", named_digest(result.image)},
                                           {"version", result.version},
                                           {"replaces", result.replaces},
                                           {"soft_reboot", result.soft_reboot},
                                           {"warnings", result.warnings}};
    print_record(record);
    return;
  }
  std::cout << "next boot: " << result.version << "  " << named_digest(result.image) << '\n';
  for (const std::string& warning : result.warnings) std::cerr << "sealroot: warning: " << warning << '\n';
}

void run_rollback(RollbackArguments& arguments) {
  RollbackOptions& options = arguments.options;
  options.soft_reboot = parse_soft_reboot(arguments.soft_reboot);
  const Host host = open_host(arguments.paths);
  const RollbackResult result = roll_back(host, options);
  if (result.soft_reboot) prepare_soft_reboot(host, result.image, {options.certificate, options.threads});
  print_result(arguments, result);
  if (result.soft_reboot) start_soft_reboot(host);
}

}  // namespace

void add_rollback_command(CLI::App& app) {
  auto arguments = std::make_shared<RollbackArguments>();
  RollbackOptions& options = arguments->options;
  CLI::App* command = app.add_subcommand("rollback", "Boot another deployment next, after verifying it");
  command->add_option("DEPLOYMENT", options.deployment,
                      "digest, its first 8 digits or more, or version\n(default: the one that status calls rollback)");
  command
      ->add_option("--cert", options.certificate,
                   "PEM certificate the UKI must be signed by, if\nthe booted image has none in /usr/lib/sealroot")
      ->type_name("FILE");
  command->add_option("--tries", options.tries, "boots that may fail before it is given up;\n0: do not count")
      ->capture_default_str();
  add_soft_reboot_option(*command, arguments->soft_reboot);
  command->add_option("--threads", options.threads, "worker threads (default: one a CPU)");
  add_host_options(*command, arguments->paths);
  command->add_flag("--json", arguments->json, "print a record");
  command->callback([arguments] { run_rollback(*arguments); });
}

}  // namespace sealroot
