// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// `sealroot inspect`: what a UKI, boot program or disk image is.
#include "builder/inspect/inspect.hpp"

#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include "cli/commands.hpp"
#include "cli/print_record.hpp"

namespace sealroot {

namespace {

struct InspectArguments {
  std::string file;
  std::string certificate;
  bool json = false;
};

void run_inspect(const InspectArguments& arguments) {
  std::optional<Certificate> trusted;
  if (!arguments.certificate.empty()) trusted = Certificate::load(working_directory(), arguments.certificate);
  const auto record = inspect_file(working_directory(), arguments.file, trusted);
  if (arguments.json) {
    print_record(record);
  } else {
    std::cout << record_text(record);
  }
}

}  // namespace

void add_inspect_command(CLI::App& app) {
  auto arguments = std::make_shared<InspectArguments>();
  CLI::App* command = app.add_subcommand("inspect", "Show what a UKI, boot program or disk image is");
  command->add_option("FILE", arguments->file, "UKI or other EFI program, or disk image")->required();
  command->add_option("--cert", arguments->certificate, "also check the signatures against this\ncertificate")
      ->type_name("FILE");
  command->add_flag("--json", arguments->json, "print a record");
  command->callback([arguments] { run_inspect(*arguments); });
}

}  // namespace sealroot
