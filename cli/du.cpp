// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// `sealroot du`: what the images of a repository take up.
#include <algorithm>
#include <iomanip>
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "builder/image/disk_usage.hpp"
#include "builder/image/named_image.hpp"
#include "cli/commands.hpp"
#include "cli/print_record.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"

namespace sealroot {

namespace {

struct DuArguments {
  std::string repository;
  std::vector<std::string> images;
  bool json = false;
};

nlohmann::ordered_json usage_record(const ObjectUsage& usage) {
  return {{"objects", usage.objects}, {"bytes", usage.bytes}, {"stored", usage.stored}};
}

void print_json(const RepositoryUsage& usage) {
  nlohmann::ordered_json images = nlohmann::ordered_json::array();
  for (const ImageUsage& image : usage.images) {
    images.push_back({{"image", named_digest(image.image)},
                      {"refs", image.refs},
                      {"total", usage_record(image.total)},
                      {"unique", usage_record(image.unique)},
                      {"shared", usage_record(image.shared)},
                      {"missing", image.missing}});
  }
  const nlohmann::ordered_json record = {{"images", images},
                                         {"in_images", usage_record(usage.in_images)},
                                         {"in_no_image", usage_record(usage.in_no_image)},
                                         {"total", usage_record(usage.total)}};
  print_record(record);
}

void print_row(const ObjectUsage& total, const ObjectUsage& unique, const std::string& name) {
  for (const ObjectUsage& usage : {total, unique}) {
    std::cout << std::setw(13) << usage.bytes << std::setw(13) << usage.stored << std::setw(9) << usage.objects;
  }
  std::cout << "  " << name << '\n';
}

std::string image_name(const ImageUsage& image) {
  std::string name = named_digest(image.image).substr(0, 24);
  for (const std::string& ref : image.refs) name += ' ' + quoted(ref);
  if (image.missing != 0) name += " (" + std::to_string(image.missing) + " objects missing)";
  return name;
}

void print_text(const RepositoryUsage& usage) {
  std::cout << "        bytes       stored  objects       unique       stored  objects  image\n";
  for (const ImageUsage& image : usage.images) print_row(image.total, image.unique, image_name(image));
  print_row(usage.in_images, {}, "all images");
  print_row(usage.in_no_image, usage.in_no_image, "in no image");
  print_row(usage.total, {}, "repository");
}

void run_du(const DuArguments& arguments) {
  const Repository repository = *open_store_to_read(arguments.repository);
  std::vector<Digest> wanted;
  for (const std::string& name : arguments.images) {
    const std::optional<Digest> digest = named_image(name, repository);
    if (!digest) throw Error(Fault::missing, quoted(name) + ": no digest and no ref of the repository");
    wanted.push_back(*digest);
  }
  RepositoryUsage usage = measure_usage(repository);
  const auto is_unwanted = [&](const ImageUsage& image) {
    return std::find(wanted.begin(), wanted.end(), image.image) == wanted.end();
  };
  if (!wanted.empty()) std::erase_if(usage.images, is_unwanted);
  if (arguments.json) {
    print_json(usage);
  } else {
    print_text(usage);
  }
}

}  // namespace

void add_du_command(CLI::App& app) {
  auto arguments = std::make_shared<DuArguments>();
  CLI::App* command = app.add_subcommand("du", "Show the bytes and objects that images take up, in all and alone");
  command->add_option("--repo,--store", arguments->repository, "repository")->required();
  command->add_option("IMAGE", arguments->images, "digest or ref (default: all images)");
  command->add_flag("--json", arguments->json, "print a record");
  command->callback([arguments] { run_du(*arguments); });
}

}  // namespace sealroot
