// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// `sealroot factory-reset`: state as on a new disk.
#include "upgrade/factory_reset.hpp"

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

struct FactoryResetArguments {
  HostPaths paths;
  bool check = false;
  bool yes = false;
  bool complete = false;
  bool json = false;
};

nlohmann::ordered_json digests(const std::vector<Digest>& images) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Digest& image : images) list.push_back(named_digest(image));
  return list;
}

void print_text(const FactoryReset& result, bool check) {
  const char* const would = check ? "would reset " : "reset ";
  std::cout << would << "/var\n";
  for (const Digest& image : result.renewed) std::cout << would << "/etc of " << named_digest(image) << '\n';
  for (const Digest& image : result.removed) {
    std::cout << (check ? "would remove" : "removed") << " the state of " << named_digest(image) << '\n';
  }
  if (result.at_next_boot) std::cout << "takes effect at the next boot; what is written until then is lost\n";
}

void run_factory_reset(const FactoryResetArguments& arguments) {
  if (int{arguments.check} + int{arguments.yes} + int{arguments.complete} != 1) {
    throw Error(Fault::usage,
                "factory-reset: /var and all changes of /etc would be lost: --check shows of what, --yes "
                "does it");
  }
  const Host host = open_host(arguments.paths);
  if (arguments.complete) return complete_reset(host);
  const FactoryReset result = reset_state(host, arguments.check);
  if (arguments.json) {
    print_record({{"check", arguments.check},
                  {"reset", digests(result.renewed)},
                  {"removed", digests(result.removed)},
                  {"at_next_boot", result.at_next_boot}});
  } else {
    print_text(result, arguments.check);
  }
}

}  // namespace

void add_factory_reset_command(CLI::App& app) {
  auto arguments = std::make_shared<FactoryResetArguments>();
  CLI::App* command = app.add_subcommand("factory-reset", "Make /var and /etc as on a new disk; what boots stays");
  command->add_flag("--check", arguments->check, "only show what would be reset");
  command->add_flag("--yes", arguments->yes, "do it: all that was kept there is lost");
  command->add_flag("--complete", arguments->complete,
                    "remove what earlier resets have replaced and no\nrunning system uses; a unit does it at boot");
  add_host_options(*command, arguments->paths);
  command->add_flag("--json", arguments->json, "print a record");
  command->callback([arguments] { run_factory_reset(*arguments); });
}

}  // namespace sealroot
