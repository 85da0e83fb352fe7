// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// `sealroot pin` and `unpin`: deployments that nothing removes by itself.
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/host_arguments.hpp"
#include "cli/print_record.hpp"
#include "store/core/digest_text.hpp"
#include "upgrade/rollback.hpp"

namespace sealroot {

namespace {

struct PinArguments {
  HostPaths paths;
  std::string deployment;
  bool json = false;
};

void add_pinning_command(CLI::App& app, const char* name, const char* description, bool pinned) {
  auto arguments = std::make_shared<PinArguments>();
  CLI::App* command = app.add_subcommand(name, description);
  command->add_option("DEPLOYMENT", arguments->deployment,
                      "digest, its first 8 digits or more, or version\n(default: the booted one)");
  add_host_options(*command, arguments->paths);
  command->add_flag("--json", arguments->json, "print a record");
  command->callback([arguments, pinned] {
    const std::string image = named_digest(set_pin(open_host(arguments->paths), arguments->deployment, pinned));
    if (arguments->json) {
      const nlohmann::ordered_json record = {{"image", image}, {"pinned", pinned}};
      print_record(record);
    } else {
      std::cout << (pinned ? "pinned " : "not pinned ") << image << '\n';
    }
  });
}

}  // namespace

void add_pin_command(CLI::App& app) {
  add_pinning_command(app, "pin", "Keep a deployment whatever is staged later", true);
}

void add_unpin_command(CLI::App& app) {
  add_pinning_command(app, "unpin", "Let a pinned deployment go when its time has come", false);
}

}  // namespace sealroot
