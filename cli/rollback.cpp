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
  bool json = false;
};

void run_rollback(const RollbackArguments& arguments) {
  const RollbackResult result = roll_back(open_host(arguments.paths), arguments.options);
  if (arguments.json) {
    const nlohmann::ordered_json record = {{"image", named_digest(result.image)},
                                           {"version", result.version},
                                           {"replaces", result.replaces},
                                           {"warnings", result.warnings}};
    print_record(record);
    return;
  }
  std::cout << "next boot: " << result.version << "  " << named_digest(result.image) << '\n';
  for (const std::string& warning : result.warnings) std::cerr << "sealroot: warning: " << warning << '\n';
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
  command->add_option("--threads", options.threads, "worker threads (default: one a CPU)");
  add_host_options(*command, arguments->paths);
  command->add_flag("--json", arguments->json, "print a record");
  command->callback([arguments] { run_rollback(*arguments); });
}

}  // namespace sealroot
