// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// `sealroot mount`: an image as a file system; umount takes it away.
#include <memory>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "builder/mount/mount_image.hpp"
#include "cli/commands.hpp"
#include "cli/digest_argument.hpp"
#include "cli/print_record.hpp"
#include "store/core/digest_text.hpp"

namespace sealroot {

namespace {

struct MountArguments {
  MountOptions options;
  std::string digest;
  std::vector<std::string> users;
  bool insecure = false;
  bool json = false;
};

const char* measured_text(Measured measured) {
  switch (measured) {
    case Measured::by_kernel:
      return "kernel";
    case Measured::in_user_space:
      return "user space";
    case Measured::not_at_all:
      break;
  }
  return "no";
}

void print_json(const MountOptions& options, const MountResult& result) {
  nlohmann::ordered_json record = {{"image", options.image}, {"mountpoint", options.mountpoint}};
  record["digest"] = result.digest ? nlohmann::ordered_json(named_digest(*result.digest)) : nullptr;
  record["measured"] = measured_text(result.measured);
  record["verity"] = options.verity ? "require" : "off";
  record["read_only"] = options.upper_directory.empty();
  record["loop_device"] = result.loop_device;
  print_record(record);
}

void run_mount(MountArguments& arguments) {
  MountOptions& options = arguments.options;
  options.verity = !arguments.insecure;
  if (!arguments.digest.empty()) options.digest = parse_digest_argument("--digest", arguments.digest);
  for (const std::string& range : arguments.users) options.users.push_back(parse_id_range(range));
  const MountResult result = mount_image(options);
  if (arguments.json) print_json(options, result);
}

}  // namespace

void add_mount_command(CLI::App& app) {
  auto arguments = std::make_shared<MountArguments>();
  MountOptions& options = arguments->options;
  CLI::App* command = app.add_subcommand("mount", "Mount an image, as root; umount takes it away again");
  command->add_option("IMAGE", options.image, "image file, or digest or ref in the repository")->required();
  command->add_option("MOUNTPOINT", options.mountpoint, "directory to mount it on")->required();
  command->add_option("--repo,--store", options.repository, "repository with the objects")->required();
  command->add_option(
      "--digest", arguments->digest,
      "digest that the image must have, measured\nbefore it is mounted (default: the one that\nIMAGE names)");
  command->add_option("--upperdir", options.upper_directory, "directory that takes changes (default: read\nonly)");
  command->add_option("--workdir", options.work_directory, "empty directory beside the upper one");
  command
      ->add_option("--map-users", arguments->users,
                   "CONTAINER:HOST:SIZE, show owners CONTAINER... of\nthe image as HOST... of this host; repeatable")
      ->allow_extra_args(false);
  command->add_flag("--insecure-no-verity", arguments->insecure,
                    "take files without fs-verity, which may change\nunnoticed");
  command->add_flag("--json", arguments->json, "print a record");
  command->callback([arguments] { run_mount(*arguments); });
}

}  // namespace sealroot
