// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// `sealroot status`: the deployments of a host.
#include "upgrade/status.hpp"

#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include "cli/commands.hpp"
#include "cli/host_arguments.hpp"
#include "cli/print_record.hpp"

namespace sealroot {

namespace {

struct StatusArguments {
  HostPaths paths;
  std::optional<std::string> certificate;
  bool json = false;
};

void run_status(const StatusArguments& arguments) {
  const Host host = open_host(arguments.paths);
  std::vector<std::string> problems;
  const std::vector<Certificate> trusted = certificates_for_status(host, arguments.certificate, problems);
  Deployments deployments = read_deployments(host, trusted);
  deployments.problems.insert(deployments.problems.begin(), problems.begin(), problems.end());
  const SoftRebootObstacles obstacles = find_soft_reboot_obstacles(host, deployments, trusted);
  if (arguments.json) {
    print_record(status_record(host, deployments, obstacles));
  } else {
    std::cout << status_text(host, deployments, obstacles);
  }
}

}  // namespace

void add_status_command(CLI::App& app) {
  auto arguments = std::make_shared<StatusArguments>();
  CLI::App* command = app.add_subcommand("status", "Show the deployments of a host, and how far the seal goes");
  add_host_options(*command, arguments->paths);
  command->add_option("--cert", arguments->certificate, "check signatures with it, if the booted image\npins none")
      ->type_name("FILE");
  command->add_flag("--json", arguments->json, "print a record");
  command->callback([arguments] { run_status(*arguments); });
}

}  // namespace sealroot
