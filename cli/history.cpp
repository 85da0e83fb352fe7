// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// `sealroot history`: what was done to a host's deployments.
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/host_arguments.hpp"
#include "cli/print_record.hpp"
#include "store/core/error.hpp"
#include "upgrade/host/records.hpp"

namespace sealroot {

namespace {

struct HistoryArguments {
  HostPaths paths;
  bool json = false;
};

/// The file is anybody's who can write to the disk: what it says is quoted.
std::string text_of(const nlohmann::ordered_json& event, const char* key) {
  const auto found = event.find(key);
  return found != event.end() && found->is_string() ? quoted(found->get<std::string>()) : "''";
}

void run_history(const HistoryArguments& arguments) {
  const std::vector<nlohmann::ordered_json> events = read_history(open_host(arguments.paths).sysroot);
  if (arguments.json) return print_record(events);
  for (const nlohmann::ordered_json& event : events) {
    std::cout << text_of(event, "time") << "  " << text_of(event, "action") << "  " << text_of(event, "version") << "  "
              << text_of(event, "image");
    if (event.contains("source")) std::cout << "  from " << text_of(event, "source");
    std::cout << '\n';
  }
}

}  // namespace

void add_history_command(CLI::App& app) {
  auto arguments = std::make_shared<HistoryArguments>();
  CLI::App* command = app.add_subcommand("history", "Show what was staged, rolled back, pinned and removed");
  add_host_options(*command, arguments->paths);
  command->add_flag("--json", arguments->json, "print a record");
  command->callback([arguments] { run_history(*arguments); });
}

}  // namespace sealroot
