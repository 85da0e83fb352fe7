// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// `sealroot install`: a disk, or the image of one, out of a sealed container image.
#include "upgrade/install/install.hpp"

#include <algorithm>
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/print_record.hpp"
#include "cli/progress.hpp"
#include "cli/registry_options.hpp"
#include "cli/tree_rules.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"

namespace sealroot {

namespace {

struct InstallArguments {
  InstallOptions options;
  TreeRules tree_rules;
  std::string digest = "sha512";
  bool json = false;
  ProgressOptions progress;
};

nlohmann::ordered_json record_of(const InstallResult& result) {
  nlohmann::ordered_json record = {{"image", named_digest(result.image)}, {"image_id", result.image_id},
                                   {"version", result.version},           {"boot_loader", result.boot_loader},
                                   {"certificate_pinned", result.pinned}, {"installed", result.layout.has_value()}};
  if (result.layout) record["size"] = result.layout->size_bytes;
  record["checks"] = nlohmann::ordered_json::array();
  for (const Check& check : result.checks) {
    record["checks"].push_back({{"status", check_status_name(check.status)},
                                {"name", check.name},
                                {"found", check.found},
                                {"advice", check.advice}});
  }
  return record;
}

void print_text(const InstallArguments& arguments, const InstallResult& result) {
  for (const Check& check : result.checks) {
    if (check.status == CheckStatus::ok && !arguments.options.check_only) continue;
    std::cout << check_status_name(check.status) << "  " << check.name << ": " << check.found;
    if (!check.advice.empty()) std::cout << ": " << check.advice;
    std::cout << '\n';
  }
  if (!result.pinned) {
    std::cout << "warn  certificate: the image does not pin it in /usr/lib/sealroot: upgrades will need --cert\n";
  }
  const std::string& target = arguments.options.image.empty() ? arguments.options.device : arguments.options.image;
  std::cout << (result.layout ? "installed " : "would install ") << result.image_id << ' ' << result.version << "  "
            << named_digest(result.image) << " on " << quoted(target) << '\n';
}

void run_install(InstallArguments& arguments) {
  InstallOptions& options = arguments.options;
  options.algorithm = parse_algorithm(arguments.digest);
  options.origin.xattrs = parse_xattr_rule(arguments.tree_rules.xattrs);
  options.origin.labels = parse_label_mode(arguments.tree_rules.selinux);
  std::optional<InstallResult> result;
  {
    ProgressPrinter progress(arguments.progress);
    result = install(options, [&](const std::string& phase, std::uint64_t done, std::uint64_t total) {
      progress(phase, done, total);
    });
  }
  if (arguments.json) {
    print_record(record_of(*result));
  } else {
    print_text(arguments, *result);
  }
  const auto failed = std::ranges::count(result->checks, CheckStatus::fail, &Check::status);
  if (failed != 0) throw Error(Fault::untrusted, "install: " + std::to_string(failed) + " checks failed");
}

}  // namespace

void add_install_command(CLI::App& app) {
  auto arguments = std::make_shared<InstallArguments>();
  InstallOptions& options = arguments->options;
  CLI::App* command = app.add_subcommand("install", "Make a disk that boots a sealed container image");
  command->add_option("SOURCE", options.origin.source, "sealed container image, as for switch")
      ->type_name("")
      ->required();
  command->add_option("--image", options.image, "disk image to make")->type_name("FILE");
  command->add_option("--disk", options.device, "block device to overwrite")->type_name("DEVICE");
  command->add_option("--cert", options.certificate, "PEM certificate that signed UKI and boot loader")
      ->type_name("FILE")
      ->required();
  command
      ->add_option("--boot-loader", options.boot_loader,
                   "signed systemd-boot (default: the image's\nsystemd-bootARCH.efi.signed, or .efi)")
      ->type_name("FILE");
  command->add_flag("--check", options.check_only, "fetch and check all, but write nothing");
  command->add_flag("--wipe", options.wipe, "overwrite a device that holds something");
  command
      ->add_option("--disk-size", options.size_bytes,
                   "size of --image, with unit K, M, G or T\n(default: what is needed)")
      ->transform(CLI::AsSizeValue(false))
      ->type_name("SIZE");
  command
      ->add_option("--workshop", options.workshop, "folder for temporary files (default: that of\n--image, or TMPDIR)")
      ->type_name("DIR");
  command->add_option("--digest", arguments->digest, "fs-verity algorithm the image is sealed with")
      ->check(CLI::IsMember({"sha512", "sha256"}))
      ->capture_default_str();
  add_tree_options(*command, arguments->tree_rules);
  command->add_option("--threads", options.read.threads, "worker threads (default: one a CPU)");
  add_registry_options(*command, options.read.registry);
  command->add_flag("--json", arguments->json, "print a record");
  add_progress_options(*command, arguments->progress);
  command->callback([arguments] { run_install(*arguments); });
}

}  // namespace sealroot
