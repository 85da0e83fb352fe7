// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "builder/image/listing.hpp"
#include "builder/image/named_image.hpp"
#include "cli/commands.hpp"
#include "cli/image_arguments.hpp"
#include "cli/print_record.hpp"

namespace sealroot {

namespace {

struct LsArguments {
  ImageArguments image;
  std::string path = "/";
  bool json = false;
};

/// One record at a time, so that memory does not grow with the number of names.
void print_json(const Tree& tree, const std::string& path) {
  const char* before = "[\n";
  list_tree(tree, path, [&](const Listed& listed) {
    std::cout << before << record_line(listing_record(listed));
    before = ",\n";
  });
  std::cout << "\n]\n";
}

void run_ls(const LsArguments& arguments) {
  const NamedImage image = open_image(arguments.image.image, arguments.image.store);
  if (arguments.json) return print_json(image.content.tree, arguments.path);
  list_tree(image.content.tree, arguments.path,
            [](const Listed& listed) { std::cout << listing_line(listed) << '\n'; });
}

}  // namespace

void add_ls_command(CLI::App& app) {
  auto arguments = std::make_shared<LsArguments>();
  CLI::App* command = app.add_subcommand("ls", "List what an image holds: mode, owner, size and path");
  add_image_arguments(*command, arguments->image);
  command->add_option("PATH", arguments->path, "list from here on")->capture_default_str();
  command->add_flag("--json", arguments->json, "print a list of records with all metadata");
  command->callback([arguments] { run_ls(*arguments); });
}

}  // namespace sealroot
