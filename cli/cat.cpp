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

struct CatArguments {
  ImageArguments image;
  std::string path;
  bool json = false;
};

void run_cat(const CatArguments& arguments) {
  const NamedImage image = open_image(arguments.image.image, arguments.image.store);
  const std::string content = read_image_file(image, arguments.path);
  if (!arguments.json) {
    std::cout << content;
    return;
  }
  nlohmann::ordered_json record = {{"path", listed_text(arguments.path)}};
  record.update(node_record(find_file(image.content.tree, arguments.path)));
  record["content"] = listed_text(content);
  std::cout << record_line(record) << '\n';
}

}  // namespace

void add_cat_command(CLI::App& app) {
  auto arguments = std::make_shared<CatArguments>();
  CLI::App* command = app.add_subcommand("cat", "Print a file of an image, measured before it is printed");
  add_image_arguments(*command, arguments->image);
  command->add_option("PATH", arguments->path, "file in the image")->required();
  command->add_flag("--json", arguments->json, "print a record with metadata and, escaped as in\ndumpfiles, content");
  command->callback([arguments] { run_cat(*arguments); });
}

}  // namespace sealroot
