// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include <iterator>

#include "builder/doctor/doctor.hpp"
#include "builder/image/read_image.hpp"
#include "builder/inspect/inspect.hpp"
#include "builder/layer/blob_digest.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/json.hpp"
#include "store/repository.hpp"

namespace sealroot {
namespace {

std::string text_at(const nlohmann::json& record, const char* pointer) {
  const nlohmann::json::json_pointer place(pointer);
  if (!record.contains(place) || !record.at(place).is_string()) return "";
  return record.at(place).get<std::string>();
}

void append(Checks& to, Checks from) {
  to.insert(to.end(), std::move_iterator(from.begin()), std::move_iterator(from.end()));
}

/// The UKI that build.json names.
PeFacts check_uki_file(const Fd& folder, const nlohmann::json& record, Checks& checks) {
  const std::string name = text_at(record, "/uki/file");
  const Bytes content = read_all(open_beneath(folder, name, O_RDONLY), max_boot_file_bytes);
  if (blob_digest(content).hex != text_at(record, "/uki/sha256")) {
    checks.push_back({CheckStatus::fail, "build", quoted(name) + " is not the one in build.json", "build again"});
  }
  if (!record.contains(nlohmann::json::json_pointer("/uki/signer/subject"))) {
    checks.push_back({CheckStatus::fail, "build", quoted(name) + " is not signed",
                      "Secure Boot refuses it: build with --key and --cert"});
  }
  PeFacts facts = read_pe_facts(PeFile::parse(content));
  append(checks, check_uki(facts, quoted(name)));
  return facts;
}

void check_kernel_of(const Repository& repository, const Digest& image, const std::string& release, Checks& checks) {
  const ReadImage content = read_image(repository.objects().read(image));
  const auto node = find(content.tree, "/usr/lib/modules/" + release + "/config");
  const RegularFile* file = node ? content.tree[*node].regular() : nullptr;
  if (file != nullptr && file->digest) {
    return append(checks, check_kernel_config(as_text(repository.objects().read(*file->digest))));
  }
  checks.push_back({CheckStatus::warn, "kernel", "the image does not hold its kernel's configuration",
                    "put it to /usr/lib/modules/" + release + "/config to have it checked"});
}

template <typename Action>
void guard(Checks& checks, const std::string& advice, Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    checks.push_back({CheckStatus::fail, "build", error.what(), advice});
  }
}

}  // namespace

Checks check_build(const Fd& folder) {
  Checks checks;
  guard(checks, "build again", [&] {
    const nlohmann::json record = parse_json(read_file(folder, "build.json", std::uint64_t{4} << 20));
    const PeFacts facts = check_uki_file(folder, record, checks);
    if (!facts.defect && try_open_at(folder, "composefs", O_RDONLY | O_DIRECTORY)) {
      const Digest image = facts.initramfs.config->digest;
      const Repository repository = Repository::open(folder, "composefs");
      check_kernel_of(repository, image, text_at(record, "/kernel/release"), checks);
      checks.push_back({CheckStatus::ok, "build", "the repository has the UKI's image", ""});
    }
  });
  if (const auto disk = try_open_at(folder, "disk.raw", O_RDONLY)) append(checks, check_disk(*disk));
  return checks;
}

}  // namespace sealroot
