// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// `sealroot fsck`: is a repository intact; bring back what is not.
#include <iostream>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "builder/source/source.hpp"
#include "cli/commands.hpp"
#include "cli/print_record.hpp"
#include "cli/progress.hpp"
#include "cli/registry_options.hpp"
#include "store/core/error.hpp"
#include "store/fsck.hpp"

namespace sealroot {

namespace {

constexpr std::string_view repository_transport = "repo:";

struct FsckArguments {
  std::string repository;
  std::string repair;
  RegistryOptions registry;
  unsigned threads = 0;
  bool json = false;
};

std::size_t repair(const Repository& repository, const FsckReport& report, const std::string& source,
                   const RegistryOptions& registry) {
  const std::vector<Digest> lost = lost_objects(report);
  if (lost.empty()) return 0;
  return during("repairing from " + quoted(source), [&] {
    if (!source.starts_with(repository_transport)) {
      return restore_objects(repository, lost, [&](Ingest& ingest) {
        read_source(source, {.architecture = {}, .registry = registry}, ingest);
      });
    }
    const Repository other = Repository::open_to_read(working_directory(), source.substr(repository_transport.size()));
    return restore_objects(repository, lost, contents_of(other, lost));
  });
}

void print_json(const FsckReport& report, std::size_t restored) {
  nlohmann::ordered_json damages = nlohmann::ordered_json::array();
  for (const Damage& damage : report.damages) damages.push_back({{"path", damage.path}, {"reason", damage.reason}});
  const nlohmann::ordered_json document = {{"ok", report.damages.empty()}, {"objects", report.object_count},
                                           {"bytes", report.object_bytes}, {"sealed", report.sealed_count},
                                           {"images", report.image_count}, {"streams", report.stream_count},
                                           {"refs", report.ref_count},     {"restored", restored},
                                           {"damages", damages},           {"leftovers", report.leftovers}};
  print_record(document);
}

void print_text(const FsckReport& report, std::size_t restored) {
  for (const Damage& damage : report.damages) std::cout << quoted(damage.path) << ": " << damage.reason << '\n';
  for (const std::string& path : report.leftovers) std::cout << quoted(path) << ": left over, gc removes it\n";
  std::cout << report.object_count << " objects, " << human_size(report.object_bytes) << ", " << report.sealed_count
            << " with fs-verity; " << report.image_count << " images, " << report.stream_count << " streams, "
            << report.ref_count << " refs\n";
  if (restored != 0) std::cout << restored << " objects restored\n";
}

void run_fsck(const FsckArguments& arguments) {
  const Repository repository = arguments.repair.empty()
                                    ? Repository::open_to_read(working_directory(), arguments.repository)
                                    : Repository::open(working_directory(), arguments.repository);
  FsckReport report = check_repository(repository, arguments.threads);
  std::size_t restored = 0;
  if (!arguments.repair.empty()) {
    restored = repair(repository, report, arguments.repair, arguments.registry);
    if (restored != 0) report = check_repository(repository, arguments.threads);
  }
  if (arguments.json) {
    print_json(report, restored);
  } else {
    print_text(report, restored);
  }
  if (!report.damages.empty()) {
    throw Error(Fault::untrusted, "fsck: " + std::to_string(report.damages.size()) + " defects in repository " +
                                      quoted(arguments.repository));
  }
}

}  // namespace

void add_fsck_command(CLI::App& app) {
  auto arguments = std::make_shared<FsckArguments>();
  CLI::App* command = app.add_subcommand("fsck", "Check every byte and name of a repository");
  command->add_option("REPO,--repo,--store", arguments->repository, "repository, such as out/composefs")->required();
  command->add_option("--repair", arguments->repair,
                      "bring damaged and missing objects back from\nrepo:DIR, or a SOURCE as for build");
  command->add_option("--threads", arguments->threads, "worker threads (default: one a CPU)");
  command->add_flag("--json", arguments->json, "print a record");
  add_registry_options(*command, arguments->registry);
  command->callback([arguments] { run_fsck(*arguments); });
}

}  // namespace sealroot
