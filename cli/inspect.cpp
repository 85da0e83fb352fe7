// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// `sealroot inspect`: what a UKI, boot program or disk image is, or what in an image is privileged.
#include "builder/inspect/inspect.hpp"

#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "builder/image/listing.hpp"
#include "builder/image/named_image.hpp"
#include "builder/image/privileged.hpp"
#include "cli/commands.hpp"
#include "cli/print_record.hpp"

namespace sealroot {

namespace {

struct InspectArguments {
  std::string file;
  std::string store;
  bool privileged = false;
  std::string certificate;
  bool json = false;
};

std::string capabilities_of(const Node& node) {
  const auto found = node.metadata.xattrs.find(capability_xattr);
  return found == node.metadata.xattrs.end() ? std::string() : capability_text(found->second);
}

void list_privileged(const InspectArguments& arguments) {
  const NamedImage image = open_image(arguments.file, arguments.store);
  auto records = nlohmann::ordered_json::array();
  list_tree(image.content.tree, "/", [&](const Listed& listed) {
    if (!is_privileged(listed.node)) return;
    const std::string capabilities = capabilities_of(listed.node);
    if (arguments.json) {
      records.push_back(listing_record(listed));
      if (!capabilities.empty()) records.back()["capabilities"] = capabilities;
    } else {
      std::cout << listing_line(listed) << (capabilities.empty() ? "" : "  " + capabilities) << '\n';
    }
  });
  if (arguments.json) print_record(records);
}

void run_inspect(const InspectArguments& arguments) {
  if (arguments.privileged) return list_privileged(arguments);
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
  command
      ->add_option(
          "FILE", arguments->file,
          "UKI or other EFI program, or disk image;\nwith --privileged an image, or with --repo\nits digest or ref")
      ->required();
  CLI::Option* const privileged = command->add_flag("--privileged", arguments->privileged,
                                                    "list setuid and setgid files and those with\ncapabilities");
  command->add_option("--repo,--store", arguments->store, "repository with the image")->needs(privileged);
  command->add_option("--cert", arguments->certificate, "also check the signatures against this\ncertificate")
      ->type_name("FILE")
      ->excludes(privileged);
  command->add_flag("--json", arguments->json, "print a record");
  command->callback([arguments] { run_inspect(*arguments); });
}

}  // namespace sealroot
