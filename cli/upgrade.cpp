// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// `sealroot upgrade` and `switch`: stage a sealed container image, which boots next.
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include "cli/commands.hpp"
#include "cli/host_arguments.hpp"
#include "cli/print_record.hpp"
#include "cli/progress.hpp"
#include "cli/registry_options.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "upgrade/stage/stage.hpp"

namespace sealroot {

namespace {

struct UpgradeArguments {
  HostPaths paths;
  StageOptions options;
  std::string xattrs;
  std::string selinux;
  std::string etc_policy = "fail";
  std::string soft_reboot;
  bool json = false;
  ProgressOptions progress;
};

nlohmann::ordered_json record_of(const UpgradeArguments& arguments, const StageResult& result) {
  nlohmann::ordered_json record = {{"image", named_digest(result.image)},
                                   {"image_id", result.image_id},
                                   {"version", result.version},
                                   {"source", result.source}};
  record["replaces"] = nullptr;
  if (result.replaces) record["replaces"] = *result.replaces;
  record["check"] = arguments.options.check_only;
  record["already_there"] = result.already_there;
  record["staged"] = result.staged;
  record["soft_reboot"] = result.soft_reboot;
  record["removed"] = nlohmann::ordered_json::array();
  for (const Digest& image : result.removed) record["removed"].push_back(named_digest(image));
  record["etc"] = nlohmann::ordered_json::array();
  for (const EtcChange& change : result.etc_changes) {
    record["etc"].push_back({{"path", "/etc/" + change.path},
                             {"kind", etc_change_name(change.kind)},
                             {"local", change.local},
                             {"part", change.metadata ? "metadata" : "content"},
                             {"reason", change.reason}});
  }
  record["warnings"] = result.warnings;
  return record;
}

void print_text(const UpgradeArguments& arguments, const StageResult& result) {
  const bool check = arguments.options.check_only;
  const std::string what = result.image_id + " " + result.version + "  " + named_digest(result.image);
  if (result.staged) {
    std::cout << "next boot: " << what << '\n';
  } else if (check && !result.already_there) {
    std::cout << "would stage: " << what << '\n';
  } else {
    std::cout << (result.already_there ? "already there: " : "not staged: ") << what << '\n';
  }
  if (result.replaces && !result.already_there) std::cout << "instead of version " << quoted(*result.replaces) << '\n';
  for (const Digest& image : result.removed) {
    std::cout << (check ? "would remove deployment " : "removed deployment ") << named_digest(image) << '\n';
  }
  for (const EtcChange& change : result.etc_changes) {
    if (!check && change.kind != EtcChange::Kind::conflict) continue;
    std::cout << "etc " << etc_change_name(change.kind) << ": " << quoted("/etc/" + change.path) << ' ' << change.reason
              << (change.kind != EtcChange::Kind::conflict ? ""
                  : change.local                           ? " -> as here"
                                                           : " -> as in the image")
              << '\n';
  }
  for (const std::string& warning : result.warnings) std::cerr << "sealroot: warning: " << warning << '\n';
}

void run_stage(UpgradeArguments& arguments) {
  arguments.options.etc_policy = parse_etc_policy(arguments.etc_policy);
  arguments.options.soft_reboot = parse_soft_reboot(arguments.soft_reboot);
  if (!arguments.xattrs.empty()) arguments.options.xattrs = parse_xattr_rule(arguments.xattrs);
  if (!arguments.selinux.empty()) arguments.options.labels = parse_label_mode(arguments.selinux);
  const Host host = open_host(arguments.paths);
  std::optional<StageResult> result;
  {
    ProgressPrinter progress(arguments.progress);
    result = stage(host, arguments.options, [&](const std::string& phase, std::uint64_t done, std::uint64_t total) {
      progress(phase, done, total);
    });
  }
  const bool soft_reboot = result->soft_reboot && !arguments.options.check_only;
  if (soft_reboot) {
    prepare_soft_reboot(host, result->image, {arguments.options.certificate, arguments.options.read.threads});
  }
  if (arguments.json) {
    print_record(record_of(arguments, *result));
  } else {
    print_text(arguments, *result);
  }
  if (soft_reboot) start_soft_reboot(host);
}

void add_stage_options(CLI::App& command, UpgradeArguments& arguments) {
  StageOptions& options = arguments.options;
  command.add_flag("--check", options.check_only, "fetch and check all, but deploy nothing");
  command.add_flag("--allow-downgrade", options.allow_downgrade, "take a version older than one that is here too");
  command.add_flag("--retry", options.retry, "take an image that failed to boot here, or was\nrolled back, too");
  command
      .add_option("--etc-policy", arguments.etc_policy,
                  "for files of /etc changed here and by the\nimage: keep-local, take-new, or fail")
      ->check(CLI::IsMember({"keep-local", "take-new", "fail"}))
      ->type_name("POLICY")
      ->capture_default_str();
  command
      .add_option("--cert", options.certificate,
                  "PEM certificate the UKI must be signed by, if\nthe booted image has none in /usr/lib/sealroot")
      ->type_name("FILE");
  command.add_option("--keep", options.keep, "deployments to keep")->capture_default_str();
  command.add_option("--tries", options.tries, "boots that may fail before it is given up;\n0: do not count")
      ->capture_default_str();
  add_soft_reboot_option(command, arguments.soft_reboot);
  command.add_option("--xattrs", arguments.xattrs, "rule that the image was built with (default:\nas last time)");
  command.add_option("--selinux", arguments.selinux, "likewise");
  command.add_option("--threads", options.read.threads, "worker threads (default: one a CPU)");
  add_host_options(command, arguments.paths);
  add_registry_options(command, options.read.registry);
  command.add_flag("--json", arguments.json, "print a record");
  add_progress_options(command, arguments.progress);
}

}  // namespace

void add_upgrade_command(CLI::App& app) {
  auto arguments = std::make_shared<UpgradeArguments>();
  CLI::App* command = app.add_subcommand("upgrade", "Stage the newest image of this host's source for the next boot");
  add_stage_options(*command, *arguments);
  command->callback([arguments] { run_stage(*arguments); });
}

void add_switch_command(CLI::App& app) {
  auto arguments = std::make_shared<UpgradeArguments>();
  CLI::App* command = app.add_subcommand("switch", "Stage an image of another source, which upgrades then follow");
  command
      ->add_option("SOURCE", arguments->options.source,
                   "sealed container image:\ndocker://HOST/NAME[:TAG], oci:DIR[:TAG] or\noci-archive:FILE[:TAG]")
      ->type_name("")
      ->required();
  add_stage_options(*command, *arguments);
  command->callback([arguments] { run_stage(*arguments); });
}

}  // namespace sealroot
