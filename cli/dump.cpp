// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include "builder/image/named_image.hpp"
#include "builder/tree/dumpfile.hpp"
#include "cli/commands.hpp"
#include "cli/image_arguments.hpp"

namespace sealroot {

void add_dump_command(CLI::App& app) {
  auto arguments = std::make_shared<ImageArguments>();
  CLI::App* command = app.add_subcommand("dump", "Print the dumpfile of an image, from which it can be made again");
  add_image_arguments(*command, *arguments);
  command->callback([arguments] {
    const NamedImage image = open_image(arguments->image, arguments->store);
    print_dumpfile(image.content.tree, [](std::string_view line) { std::cout << line; });
  });
}

}  // namespace sealroot
