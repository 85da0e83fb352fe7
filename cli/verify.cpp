// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// `sealroot verify`: is an image, with all that it names, what its digest says; or does a disk boot only what a
// certificate vouches for.
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "builder/disk/read_gpt.hpp"
#include "builder/image/named_image.hpp"
#include "builder/image/verify_image.hpp"
#include "cli/commands.hpp"
#include "cli/digest_argument.hpp"
#include "cli/image_arguments.hpp"
#include "cli/print_record.hpp"
#include "cli/progress.hpp"
#include "cli/verify_disk.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/names.hpp"
#include "store/verity/verity_hasher.hpp"

namespace sealroot {

namespace {

struct VerifyArguments {
  ImageArguments image;
  std::string digest;
  std::string certificate;
  VerifyRequirements requirements;
  bool json = false;
  ProgressOptions progress;
};

struct Verified {
  Digest image;
  VerifyReport report;
};

std::optional<Digest> expected_digest(const VerifyArguments& arguments) {
  if (arguments.digest.empty()) return std::nullopt;
  return parse_digest_argument("--digest", arguments.digest);
}

/// An image that is a file of its own: it has no fs-verity to ask for, its bytes are measured.
Verified verify_file(const std::string& name, const Repository& repository, const VerifyRequirements& requirements) {
  const Bytes bytes = read_file(working_directory(), name);
  const Digest digest = measure_bytes(repository.algorithm(), bytes);
  return {digest, during(quoted(name),
                         [&] { return verify_contents(repository.objects(), read_image(bytes).tree, requirements); })};
}

Verified verify(const VerifyArguments& arguments) {
  if (arguments.image.store.empty()) {
    throw Error(Fault::usage, "name the repository with the objects of the image with --repo");
  }
  const Repository repository = *open_store_to_read(arguments.image.store);
  const std::optional<Digest> named = named_image(arguments.image.image, repository);
  Verified verified = named ? Verified{*named, verify_image(repository.objects(), *named, arguments.requirements)}
                            : verify_file(arguments.image.image, repository, arguments.requirements);
  const std::optional<Digest> expected = expected_digest(arguments);
  if (expected && *expected != verified.image) {
    const std::string reason =
        "has digest " + named_digest(verified.image) + ", expected is " + named_digest(*expected);
    verified.report.findings.insert(verified.report.findings.begin(), {"", reason, {}});
  }
  return verified;
}

void print_json(const Verified& verified) {
  nlohmann::ordered_json findings = nlohmann::ordered_json::array();
  for (const Finding& finding : verified.report.findings) {
    nlohmann::ordered_json record = {{"path", finding.path}, {"reason", finding.reason}};
    if (finding.object) record["object"] = named_digest(*finding.object);
    findings.push_back(std::move(record));
  }
  const VerifyReport& report = verified.report;
  const nlohmann::ordered_json record = {{"ok", report.intact()},        {"image", named_digest(verified.image)},
                                         {"files", report.file_count},   {"objects", report.object_count},
                                         {"bytes", report.object_bytes}, {"sealed", report.sealed_count},
                                         {"findings", findings}};
  print_record(record);
}

void print_text(const Verified& verified) {
  const VerifyReport& report = verified.report;
  for (const Finding& finding : report.findings) {
    std::cout << (finding.path.empty() ? "image" : quoted(finding.path)) << ": " << finding.reason << '\n';
  }
  std::cout << named_digest(verified.image) << ": " << (report.intact() ? "intact" : "damaged") << "; "
            << report.file_count << " files in " << report.object_count << " objects, "
            << human_size(report.object_bytes) << ", " << report.sealed_count << " with fs-verity\n";
}

/// Told apart by what it is, or by the certificate that only a disk is verified against.
bool names_disk(const VerifyArguments& arguments) {
  if (!arguments.certificate.empty()) return true;
  const std::optional<Fd> file = try_open_at(working_directory(), arguments.image.image, O_RDONLY | O_NONBLOCK);
  return arguments.image.store.empty() && file && looks_like_disk(*file);
}

void run_verify(const VerifyArguments& arguments) {
  if (names_disk(arguments)) {
    run_verify_disk({arguments.image.image, arguments.certificate, arguments.json, arguments.progress});
    return;
  }
  const Verified verified = verify(arguments);
  if (arguments.json) {
    print_json(verified);
  } else {
    print_text(verified);
  }
  if (verified.report.intact()) return;
  throw Error(Fault::untrusted, "verify: " + std::to_string(verified.report.findings.size()) + " defects");
}

}  // namespace

void add_verify_command(CLI::App& app) {
  auto arguments = std::make_shared<VerifyArguments>();
  CLI::App* command = app.add_subcommand("verify", "Measure an image and all its objects, or prove what a disk boots");
  add_image_arguments(*command, arguments->image);
  command->add_option("--digest", arguments->digest, "digest that the image must have");
  command
      ->add_option("--cert", arguments->certificate,
                   "IMAGE is a disk such as disk.raw, and this the\ncertificate that signed UKI and boot loader")
      ->type_name("FILE");
  command->add_flag("--require-verity", arguments->requirements.sealed,
                    "what has no fs-verity is a defect too, as a\nmount wants it");
  command->add_option("--threads", arguments->requirements.threads, "worker threads (default: one a CPU)");
  command->add_flag("--json", arguments->json, "print a record");
  add_progress_options(*command, arguments->progress);
  command->callback([arguments] { run_verify(*arguments); });
}

}  // namespace sealroot
