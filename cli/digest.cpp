// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/digest.hpp"

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

namespace sealroot {

namespace {

struct DigestArguments {
  DigestOptions options;
  std::string digest = "sha512";
  TreeRules tree_rules;
  bool plain = false;
  bool json = false;
  ProgressOptions progress;
};

nlohmann::ordered_json record_of(const DigestArguments& arguments, const DigestResult& result) {
  const SourceInfo& source = result.source;
  nlohmann::ordered_json json;
  json["digest"] = named_digest(result.image);
  json["form"] = arguments.plain ? "plain" : "boot";
  json["xattrs"] = arguments.tree_rules.xattrs;
  json["selinux_policy"] = nullptr;
  if (result.selinux_policy) json["selinux_policy"] = *result.selinux_policy;
  json["size"] = result.image_size_bytes;
  json["source"] = {{"transport", source.transport}, {"reference", source.reference}};
  if (source.manifest_digest) json["source"]["manifest"] = source.manifest_digest->text();
  if (source.archive_digest) json["source"]["archive"] = source.archive_digest->text();
  return json;
}

void run_digest(DigestArguments& arguments) {
  DigestOptions& options = arguments.options;
  options.tree.algorithm = parse_algorithm(arguments.digest);
  options.boot_form = !arguments.plain;
  options.tree.xattrs = parse_xattr_rule(arguments.tree_rules.xattrs);
  options.tree.labels = parse_label_mode(arguments.tree_rules.selinux);
  options.tree.input_digests = arguments.json;  // only the record has them
  std::optional<DigestResult> result;
  {
    ProgressPrinter progress(arguments.progress);
    result = digest_source(options, [&](std::uint64_t done, std::uint64_t total) {
      progress("reading " + options.tree.source, done, total);
    });
  }
  if (arguments.json) {
    print_record(record_of(arguments, *result));
  } else {
    std::cout << to_hex(result->image) << '\n';
  }
}

}  // namespace

void add_digest_command(CLI::App& app) {
  auto arguments = std::make_shared<DigestArguments>();
  TreeOptions& tree = arguments->options.tree;
  CLI::App* command = app.add_subcommand("digest", "Print the digest of the image that a source gives");
  command->option_defaults()->take_last();
  command->add_option("SOURCE", tree.source, source_help)->required();
  command->add_option(
      "--store", arguments->options.store,
      "put objects and image into this repository,\nwhich is made if it is not there (default:\nwrite nothing)");
  command->add_option("--digest", arguments->digest, "fs-verity algorithm")
      ->check(CLI::IsMember({"sha512", "sha256"}))
      ->capture_default_str();
  CLI::Option* const plain =
      command->add_flag("--plain", arguments->plain,
                        "the tree as it is, with /boot and /sysroot and\nwithout SELinux labels, instead of the form\n"
                        "that build seals");
  command->add_option("--arch", tree.architecture, "platform of an OCI index (default: this\nhost's)");
  add_tree_options(*command, arguments->tree_rules)->excludes(plain);
  add_deny_options(*command, tree.deny);
  command->add_option("--threads", tree.threads, "worker threads (default: one a CPU)");
  command->add_option("--max-entries", tree.max_entries, "most files a source may have (default: a\nmillion)");
  command->add_flag("--json", arguments->json, "print a record");
  add_progress_options(*command, arguments->progress);
  add_registry_options(*command, tree.registry);
  command->callback([arguments] { run_digest(*arguments); });
}

}  // namespace sealroot
