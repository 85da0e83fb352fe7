// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/build.hpp"

#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include "cli/commands.hpp"
#include "cli/print_record.hpp"
#include "cli/progress.hpp"
#include "cli/registry_options.hpp"
#include "cli/tree_rules.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"

namespace sealroot {

namespace {

struct BuildArguments {
  BuildOptions options;
  std::string digest = "sha512";
  TreeRules tree_rules;
  bool no_disk = false;
  bool no_streams = false;
  bool json = false;
  ProgressOptions progress;
};

void add_input_options(CLI::App& command, BuildArguments& arguments) {
  BuildOptions& options = arguments.options;
  command.add_option("SOURCE", options.source, source_help)->type_name("")->required();
  command.add_option("-o,--output", options.output, "folder to make")->type_name("DIR")->required();
  command.add_option("--store", options.store, "add objects to this repository instead of\nmaking OUTPUT/composefs")
      ->type_name("DIR");
  command.add_option("--digest", arguments.digest, "fs-verity algorithm")
      ->check(CLI::IsMember({"sha512", "sha256"}))
      ->capture_default_str();
  command.add_option("--arch", options.architecture, "platform of an OCI index (default: this\nhost's)");
  add_tree_options(command, arguments.tree_rules);
  add_deny_options(command, options.deny);
  command.add_option("--threads", options.threads, "worker threads (default: one a CPU)");
  command.add_option("--max-entries", options.max_entries, "most files a source may have (default: a\nmillion)");
}

void add_boot_options(CLI::App& command, BuildArguments& arguments) {
  BuildOptions& options = arguments.options;
  command.add_option("--kernel", options.kernel, "version to take from the image, or a file\nif it contains '/'");
  command
      .add_option("--initrd", options.initrd,
                  "minimal; image: the one for that kernel in\nthe image, made with the dracut module; or\na file")
      ->capture_default_str();
  command.add_option("--pivot", options.pivot, "pivot program for another architecture")->type_name("FILE");
  command.add_option("--uki-config", options.uki_config, "profile of ukify-templates, or a file\nif it contains '/'")
      ->capture_default_str();
  command.add_option("--cmdline", options.cmdline, "kernel command line instead of the\nprofile's");
  command.add_option("--key", options.key, "private key that signs the UKI: PEM file, or\npkcs11: URI");
  command.add_option("--cert", options.certificate, "PEM certificate of that key")->type_name("FILE");
  command.add_flag("--unsigned", options.unsigned_uki, "make a UKI that Secure Boot refuses");
  command.add_option("--pcr-private-key", options.pcr_private_key,
                     "RSA key that signs the predicted PCR 11\n(.pcrsig); PEM file or pkcs11: URI");
  command.add_option("--pcr-public-key", options.pcr_public_key, "its public half, to be checked against it");
  command
      .add_option("--phases", options.phases,
                  "boot phases that key vouches for; repeatable\n(default: those of a boot)")
      ->take_all()
      ->allow_extra_args(false)
      ->delimiter(',');
  command.add_option("--pcr-banks", options.pcr_banks, "sha1, sha256, sha384, sha512 (default: all)")
      ->take_all()
      ->allow_extra_args(false)
      ->delimiter(',');
  command.add_option("--image-id", options.image_id, "IMAGE_ID (default: os-release's, or ID)");
  command.add_option("--image-version", options.image_version,
                     "IMAGE_VERSION (default: the label\norg.opencontainers.image.version, or a\ntime stamp)");
}

void add_seal_options(CLI::App& command, BuildArguments& arguments) {
  BuildOptions& options = arguments.options;
  command.add_option("--etc", options.etc, "/etc of the running system")
      ->check(CLI::IsMember({"overlay", "transient", "bind", "none"}))
      ->capture_default_str();
  command.add_option("--var", options.var, "/var of the running system")
      ->check(CLI::IsMember({"bind", "transient", "none"}))
      ->capture_default_str();
  command.add_option("--on-failure", options.on_failure, "what a refused boot does")
      ->check(CLI::IsMember({"reboot", "poweroff"}))
      ->capture_default_str();
  command.add_flag("--unsealed", options.unsealed,
                   "for file systems without fs-verity: files\nare not verified, and it says so at boot");
  command
      .add_option("--allow-cmdline", options.allow,
                  "token that may be appended to the signed\ncommand line; repeatable; NAME=* for any\nvalue")
      ->type_name("TOKEN")
      ->take_all()
      ->allow_extra_args(false);
}

void add_output_options(CLI::App& command, BuildArguments& arguments) {
  command.add_flag("--no-streams", arguments.no_streams,
                   "don't record a container image in the\nrepository as cfsctl oci pull does");
  command.add_option("--tag", arguments.options.tag, "cfsctl's name for it (default:\nIMAGE_ID:IMAGE_VERSION)");
  command
      .add_option("--oci-out", arguments.options.container,
                  "also make a container image with the UKI in\n/boot: DIR, oci:DIR[:TAG] or\noci-archive:FILE[:TAG]")
      ->type_name("NAME");
  command.add_flag("--no-disk", arguments.no_disk, "don't make disk.raw");
  command
      .add_option("--disk-size", arguments.options.disk_size,
                  "size of disk.raw, with unit K, M, G or T\n(default: what is needed)")
      ->transform(CLI::AsSizeValue(false))
      ->type_name("SIZE");
  command.add_flag("--json", arguments.json, "print build.json on stdout");
  add_progress_options(command, arguments.progress);
}

void print_summary(const nlohmann::ordered_json& record, const std::string& output) {
  const auto text = [](const nlohmann::ordered_json& value) { return value.get<std::string>(); };
  std::cout << "image  " << text(record["image"]["digest"]) << '\n';
  std::cout << "uki    " << output << '/' << text(record["uki"]["file"]) << '\n';
  if (record.contains("sealed_container")) {
    std::cout << "oci    " << text(record["sealed_container"]["manifest"]) << '\n';
  }
  if (record.contains("disk")) std::cout << "disk   " << output << '/' << text(record["disk"]["file"]) << '\n';
  if (record["options"]["unsealed"].get<bool>()) std::cout << "seal   UNSEALED: it boots whatever its disk holds\n";
}

void run_build(BuildArguments& arguments) {
  arguments.options.algorithm = parse_algorithm(arguments.digest);
  arguments.options.disk = !arguments.no_disk;
  arguments.options.streams = !arguments.no_streams;
  arguments.options.xattrs = parse_xattr_rule(arguments.tree_rules.xattrs);
  arguments.options.labels = parse_label_mode(arguments.tree_rules.selinux);
  nlohmann::ordered_json record;
  {
    ProgressPrinter progress(arguments.progress);
    record = build_image(arguments.options, [&](const std::string& phase, std::uint64_t done, std::uint64_t total) {
      progress(phase, done, total);
    });
  }
  if (arguments.json) {
    print_record(record);
  } else {
    print_summary(record, arguments.options.output);
  }
}

}  // namespace

void add_build_command(CLI::App& app) {
  auto arguments = std::make_shared<BuildArguments>();
  CLI::App* command = app.add_subcommand("build", "Build a sealed system from a container image, tar or directory");
  command->option_defaults()->take_last();  // scripts add options to what others gave before
  add_input_options(*command, *arguments);
  add_boot_options(*command, *arguments);
  add_seal_options(*command, *arguments);
  add_output_options(*command, *arguments);
  add_registry_options(*command, arguments->options.registry);
  command->callback([arguments] { run_build(*arguments); });
}

}  // namespace sealroot
