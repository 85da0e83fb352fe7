// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// `sealroot gc`: remove from a repository what nothing refers to, or from a host the deployments nobody needs first.
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "builder/boot_roots.hpp"
#include "cli/commands.hpp"
#include "cli/digest_argument.hpp"
#include "cli/host_arguments.hpp"
#include "cli/print_record.hpp"
#include "cli/progress.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/gc.hpp"
#include "upgrade/collect.hpp"
#include "upgrade/status.hpp"

namespace sealroot {

namespace {

struct GcArguments {
  std::optional<std::string> repository;  // an empty one is a script's unset variable, not this host
  std::vector<std::string> keep;
  std::vector<std::string> esps;
  std::vector<std::string> deployments;
  GcOptions options;
  HostPaths host;
  HostGcOptions host_options;
  std::optional<std::string> certificate;
  bool json = false;
};

void print_json(const GcReport& report, bool dry_run, const std::vector<Deployment>* deployments = nullptr) {
  nlohmann::ordered_json document = {{"dry_run", dry_run},
                                     {"roots", report.root_count},
                                     {"kept_objects", report.kept_objects},
                                     {"removed_objects", report.removed_objects},
                                     {"removed_bytes", report.removed_bytes},
                                     {"removed_names", report.removed_names},
                                     {"leftovers", report.leftovers}};
  if (deployments != nullptr) {
    document["removed_deployments"] = nlohmann::ordered_json::array();
    for (const Deployment& each : *deployments) document["removed_deployments"].push_back(named_digest(each.image));
  }
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

void run_host_gc(const GcArguments& arguments) {
  if (!arguments.keep.empty() || !arguments.options.roots.empty() || !arguments.deployments.empty()) {
    throw Error(Fault::usage, "--keep, --root and --deployments are for a REPO; a host has pins");
  }
  const bool dry_run = arguments.options.dry_run;
  HostPaths paths = arguments.host;
  if (arguments.esps.size() > 1) throw Error(Fault::usage, "a host has one --esp");
  if (!arguments.esps.empty()) paths.esp = arguments.esps.front();
  const Host host = open_host(paths);
  std::vector<std::string> problems;
  const std::vector<Certificate> trusted = certificates_for_status(host, arguments.certificate, problems);
  if (!problems.empty()) throw Error(Fault::malformed, "gc: root unreadable, nothing deleted: " + problems.front());
  HostGcOptions options = arguments.host_options;
  options.dry_run = dry_run;
  const HostGcReport report = collect_host(host, trusted, options);
  if (arguments.json) return print_json(report.objects, dry_run, &report.removed);
  for (const Deployment& each : report.removed) {
    std::cout << (dry_run ? "would remove deployment " : "removed deployment ") << named_digest(each.image) << '\n';
  }
  print_text(report.objects, dry_run);
}

void run_gc(GcArguments& arguments) {
  if (!arguments.repository) return run_host_gc(arguments);
  for (const std::string& text : arguments.keep) {
    arguments.options.keep.push_back(parse_digest_argument("--keep", text));
  }
  const Repository repository = Repository::open(working_directory(), *arguments.repository);
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
  CLI::App* command = app.add_subcommand("gc", "Remove what nothing needs from a repository, or from a host");
  command->add_option("REPO,--repo,--store", arguments->repository,
                      "repository, such as out/composefs (default:\nthis host, its old deployments too)");
  command->add_flag("-n,--dry-run", arguments->options.dry_run, "say what would be removed, remove nothing");
  command->add_option("-r,--root", arguments->options.roots, "name of an image or stream to keep; repeatable")
      ->allow_extra_args(false);
  command->add_option("--keep", arguments->keep, "digest of an image or object to keep; repeatable")
      ->allow_extra_args(false);
  command
      ->add_option("--esp", arguments->esps,
                   "mounted ESP: keep what UKIs in EFI/Linux and\nboot entries name; repeatable with REPO")
      ->type_name("DIR")
      ->allow_extra_args(false);
  command
      ->add_option("--deployments", arguments->deployments,
                   "folder whose folders are named by images to\nkeep; repeatable; REPO/../state/deploy always\ncounts")
      ->type_name("DIR")
      ->allow_extra_args(false);
  command->add_option("--keep-deployments", arguments->host_options.keep, "deployments that a host keeps")
      ->capture_default_str();
  command
      ->add_option("--cert", arguments->certificate,
                   "of a host: a UKI signed by another one keeps\nno deployment; if the booted image pins none")
      ->type_name("FILE");
  add_host_options(*command, arguments->host, false);
  command->add_flag("--json", arguments->json, "print a record");
  command->callback([arguments] { run_gc(*arguments); });
}

}  // namespace sealroot
