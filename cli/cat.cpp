// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include "builder/image/named_image.hpp"
#include "cli/commands.hpp"
#include "cli/image_arguments.hpp"

namespace sealroot {

namespace {

struct CatArguments {
  ImageArguments image;
  std::string path;
};

}  // namespace

void add_cat_command(CLI::App& app) {
  auto arguments = std::make_shared<CatArguments>();
  CLI::App* command = app.add_subcommand("cat", "Print a file of an image; contents of objects are measured first");
  add_image_arguments(*command, arguments->image);
  command->add_option("PATH", arguments->path, "file in the image")->required();
  command->callback([arguments] {
    std::cout << read_image_file(open_image(arguments->image.image, arguments->image.store), arguments->path);
  });
}

}  // namespace sealroot
