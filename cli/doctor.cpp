// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// `sealroot doctor`: what would keep a host, a disk image or a build from booting, or from staying sealed.
#include "builder/doctor/doctor.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/print_record.hpp"
#include "store/core/error.hpp"

namespace sealroot {

namespace {

struct DoctorArguments {
  std::string target;
  bool json = false;
};

Checks run_checks(const std::string& target) {
  if (target.empty() || target == "host") return check_host(open_at(working_directory(), "/", O_RDONLY | O_DIRECTORY));
  Fd file = open_at(working_directory(), target, O_RDONLY);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) throw os_error(quoted(target));
  return S_ISDIR(status.st_mode) ? check_build(file) : check_disk(file);
}

void print_json(const Checks& checks, bool good) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Check& check : checks) {
    list.push_back({{"status", check_status_name(check.status)},
                    {"name", check.name},
                    {"found", check.found},
                    {"advice", check.advice}});
  }
  const nlohmann::ordered_json record = {{"ok", good}, {"checks", list}};
  print_record(record);
}

void print_text(const Checks& checks) {
  for (const Check& check : checks) {
    std::string status(check_status_name(check.status));
    status.resize(5, ' ');
    std::cout << status << check.name << ": " << check.found;
    if (!check.advice.empty()) std::cout << ": " << check.advice;
    std::cout << '\n';
  }
}

void run_doctor(const DoctorArguments& arguments) {
  const Checks checks = run_checks(arguments.target);
  const auto failed = std::ranges::count(checks, CheckStatus::fail, &Check::status);
  if (arguments.json) {
    print_json(checks, failed == 0);
  } else {
    print_text(checks);
  }
  if (failed != 0) throw Error(Fault::untrusted, "doctor: " + std::to_string(failed) + " checks failed");
}

}  // namespace

void add_doctor_command(CLI::App& app) {
  auto arguments = std::make_shared<DoctorArguments>();
  CLI::App* command = app.add_subcommand("doctor", "Check a host, a disk image or a build before it boots");
  command->add_option("WHAT", arguments->target, "disk image, output folder of a build, or host\n(default: host)");
  command->add_flag("--json", arguments->json, "print a record");
  command->callback([arguments] { run_doctor(*arguments); });
}

}  // namespace sealroot
