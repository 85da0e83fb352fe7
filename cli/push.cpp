// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/push.hpp"

#include <iostream>
#include <memory>
#include <optional>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/print_record.hpp"
#include "cli/progress.hpp"
#include "cli/registry_options.hpp"

namespace sealroot {

namespace {

struct PushArguments {
  PushOptions options;
  bool json = false;
  ProgressOptions progress;
};

void run_push(const PushArguments& arguments) {
  std::optional<PushResult> result;
  {
    ProgressPrinter progress(arguments.progress);
    result = push_container(arguments.options, [&](std::uint64_t done, std::uint64_t total) {
      progress("pushing to " + arguments.options.destination, done, total);
    });
  }
  if (arguments.json) {
    print_record({{"name", result->name},
                  {"manifest", result->manifest.digest.text()},
                  {"size", result->size_bytes},
                  {"sent", result->sent_bytes}});
  } else {
    std::cout << result->name << '\n';
  }
}

}  // namespace

void add_push_command(CLI::App& app) {
  auto arguments = std::make_shared<PushArguments>();
  PushOptions& options = arguments->options;
  CLI::App* command = app.add_subcommand("push", "Copy a container image to a registry, byte for byte");
  command->option_defaults()->take_last();
  command->add_option("SOURCE", options.source, "oci:DIR[:TAG], oci-archive:FILE[:TAG] or\ndocker://HOST/NAME[:TAG]")
      ->required();
  command->add_option("DESTINATION", options.destination, "docker://HOST/NAME[:TAG], or a new oci: or\noci-archive:")
      ->required();
  command->add_option("--arch", options.architecture, "platform of an OCI index (default: this\nhost's)");
  command->add_flag("--json", arguments->json, "print a record");
  add_progress_options(*command, arguments->progress);
  add_registry_options(*command, options.registry);
  command
      ->add_option("--src-creds", options.source_creds,
                   "credentials for SOURCE, where --creds are for\nDESTINATION in another registry")
      ->type_name("USER[:PASSWORD]")
      ->group("Registries");
  command->callback([arguments] { run_push(*arguments); });
}

}  // namespace sealroot
