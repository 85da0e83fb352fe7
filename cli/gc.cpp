// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// `sealroot gc`: remove from a repository what nothing refers to.
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/progress.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/gc.hpp"

namespace sealroot {

namespace {

struct GcArguments {
  std::string repository;
  std::vector<std::string> keep;
  GcOptions options;
  bool json = false;
};

Digest parse_digest(const std::string& text) {
  const std::optional<Digest> digest = try_parse_digest(text);
  if (!digest) throw Error(Fault::usage, "--keep " + quoted(text) + ": not a digest");
  return *digest;
}

void print_json(const GcReport& report, bool dry_run) {
  const nlohmann::ordered_json document = {{"dry_run", dry_run},
                                           {"roots", report.root_count},
                                           {"kept_objects", report.kept_objects},
                                           {"removed_objects", report.removed_objects},
                                           {"removed_bytes", report.removed_bytes},
                                           {"removed_names", report.removed_names},
                                           {"leftovers", report.leftovers}};
  // File names are bytes; JSON is UTF-8.
  std::cout << document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n';
}

void print_text(const GcReport& report, bool dry_run) {
  const char* verb = dry_run ? "would remove " : "removed ";
  for (const std::string& path : report.removed_names) std::cout << verb << quoted(path) << '\n';
  for (const std::string& path : report.leftovers) std::cout << verb << quoted(path) << '\n';
  std::cout << verb << report.removed_objects << " objects, " << human_size(report.removed_bytes) << "; kept "
            << report.kept_objects << " objects for " << report.root_count << " roots\n";
}

void run_gc(GcArguments& arguments) {
  for (const std::string& text : arguments.keep) arguments.options.keep.push_back(parse_digest(text));
  const Repository repository = Repository::open(working_directory(), arguments.repository);
  const GcReport report = collect_garbage(repository, arguments.options);
  if (arguments.json) {
    print_json(report, arguments.options.dry_run);
  } else {
    print_text(report, arguments.options.dry_run);
  }
}

}  // namespace

void add_gc_command(CLI::App& app) {
  auto arguments = std::make_shared<GcArguments>();
  CLI::App* command = app.add_subcommand("gc", "Remove from a repository what no ref needs");
  command->add_option("REPO", arguments->repository, "repository, such as out/composefs")->required();
  command->add_flag("-n,--dry-run", arguments->options.dry_run, "say what would be removed, remove nothing");
  command->add_option("-r,--root", arguments->options.roots, "name of an image or stream to keep; repeatable")
      ->allow_extra_args(false);
  command->add_option("--keep", arguments->keep, "digest of an image or object to keep; repeatable")
      ->allow_extra_args(false);
  command->add_flag("--json", arguments->json, "print the report as JSON");
  command->callback([arguments] { run_gc(*arguments); });
}

}  // namespace sealroot
