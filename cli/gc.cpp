// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// `sealroot gc`: remove from a repository what nothing refers to.
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "builder/boot_roots.hpp"
#include "cli/commands.hpp"
#include "cli/digest_argument.hpp"
#include "cli/print_record.hpp"
#include "cli/progress.hpp"
#include "store/core/error.hpp"
#include "store/gc.hpp"

namespace sealroot {

namespace {

struct GcArguments {
  std::string repository;
  std::vector<std::string> keep;
  std::vector<std::string> esps;
  std::vector<std::string> deployments;
  GcOptions options;
  bool json = false;
};

void print_json(const GcReport& report, bool dry_run) {
  const nlohmann::ordered_json document = {{"dry_run", dry_run},
                                           {"roots", report.root_count},
                                           {"kept_objects", report.kept_objects},
                                           {"removed_objects", report.removed_objects},
                                           {"removed_bytes", report.removed_bytes},
                                           {"removed_names", report.removed_names},
                                           {"leftovers", report.leftovers}};
  print_record(document);
}

void print_text(const GcReport& report, bool dry_run) {
  const char* verb = dry_run ? "would remove " : "removed ";
  for (const std::string& path : report.removed_names) std::cout << verb << quoted(path) << '\n';
  for (const std::string& path : report.leftovers) std::cout << verb << quoted(path) << '\n';
  std::cout << verb << report.removed_objects << " objects, " << human_size(report.removed_bytes) << "; kept "
            << report.kept_objects << " objects for " << report.root_count << " roots\n";
}

/// What the system may boot. As for any root: what can't be read may need everything.
void add_boot_roots(const GcArguments& arguments, const Repository& repository, std::vector<Digest>& keep) {
  const auto add = [&keep](const std::vector<Digest>& digests) {
    keep.insert(keep.end(), digests.begin(), digests.end());
  };
  during("gc: root unreadable, nothing deleted", [&] {
    for (const std::string& path : arguments.esps) {
      during("ESP " + quoted(path),
             [&] { add(digests_on_esp(open_at(working_directory(), path, O_RDONLY | O_DIRECTORY))); });
    }
    for (const std::string& path : arguments.deployments) {
      during("deployments " + quoted(path),
             [&] { add(digests_of_deployments(open_at(working_directory(), path, O_RDONLY | O_DIRECTORY))); });
    }
    // A system's repository is /composefs of its root file system, its deployments have their state beside it.
    const auto beside = try_open_at(repository.directory(), "../state/deploy", O_RDONLY | O_DIRECTORY);
    if (beside) during("deployments '../state/deploy'", [&] { add(digests_of_deployments(*beside)); });
  });
}

void run_gc(GcArguments& arguments) {
  for (const std::string& text : arguments.keep) {
    arguments.options.keep.push_back(parse_digest_argument("--keep", text));
  }
  const Repository repository = Repository::open(working_directory(), arguments.repository);
  add_boot_roots(arguments, repository, arguments.options.keep);
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
  command
      ->add_option("--esp", arguments->esps,
                   "mounted ESP: keep what UKIs in EFI/Linux and\nboot entries name; repeatable")
      ->type_name("DIR")
      ->allow_extra_args(false);
  command
      ->add_option("--deployments", arguments->deployments,
                   "folder whose folders are named by images to\nkeep; repeatable; REPO/../state/deploy always\ncounts")
      ->type_name("DIR")
      ->allow_extra_args(false);
  command->add_flag("--json", arguments->json, "print a record");
  command->callback([arguments] { run_gc(*arguments); });
}

}  // namespace sealroot
