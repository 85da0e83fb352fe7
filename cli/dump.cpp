// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "builder/image/listing.hpp"
#include "builder/image/named_image.hpp"
#include "builder/tree/dumpfile.hpp"
#include "cli/commands.hpp"
#include "cli/image_arguments.hpp"
#include "cli/print_record.hpp"

namespace sealroot {

namespace {

struct DumpArguments {
  ImageArguments image;
  bool json = false;
};

/// One record at a time, so that memory does not grow with the number of names.
void print_json(const ReadImage& image) {
  std::cout << "{\"format\":" << static_cast<int>(image.format) << ",\n\"entries\":[";
  const char* before = "\n";
  list_tree(image.tree, "/", [&](const Listed& listed) {
    std::cout << before << record_line(listing_record(listed));
    before = ",\n";
  });
  std::cout << "\n]}\n";
}

void run_dump(const DumpArguments& arguments) {
  const NamedImage image = open_image(arguments.image.image, arguments.image.store);
  if (arguments.json) return print_json(image.content);
  print_dumpfile(image.content.tree, [](std::string_view line) { std::cout << line; });
}

}  // namespace

void add_dump_command(CLI::App& app) {
  auto arguments = std::make_shared<DumpArguments>();
  CLI::App* command = app.add_subcommand("dump", "Print the dumpfile of an image, from which it can be made again");
  add_image_arguments(*command, arguments->image);
  command->add_flag("--json", arguments->json, "print the format and a record for each name");
  command->callback([arguments] { run_dump(*arguments); });
}

}  // namespace sealroot
