// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/image/verify_image.hpp"

#include <algorithm>

#include "builder/image/listing.hpp"
#include "builder/image/read_image.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/object_check.hpp"

namespace sealroot {
namespace {

const char* unsealed_reason(const VerifyRequirements& requirements) {
  return requirements.sealed ? "has no fs-verity" : nullptr;
}

/// The objects of all files, ascending.
std::vector<ObjectCheck> objects_of(const Tree& tree) {
  std::vector<ObjectCheck> objects;
  for (const Node& node : tree.nodes) {
    if (node.regular() != nullptr && node.regular()->digest) objects.push_back({*node.regular()->digest});
  }
  const auto less = [](const ObjectCheck& a, const ObjectCheck& b) { return a.digest < b.digest; };
  const auto same = [](const ObjectCheck& a, const ObjectCheck& b) { return a.digest == b.digest; };
  std::sort(objects.begin(), objects.end(), less);
  objects.erase(std::unique(objects.begin(), objects.end(), same), objects.end());
  return objects;
}

const ObjectCheck& check_of(const std::vector<ObjectCheck>& objects, const Digest& digest) {
  return *std::lower_bound(objects.begin(), objects.end(), digest,
                           [](const ObjectCheck& object, const Digest& other) { return object.digest < other; });
}

/// Why the file can't be read as the image says; empty: it can.
std::string defect_of(const RegularFile& file, const ObjectCheck& object, const ObjectStore& store) {
  const std::string name = "object " + store.path_of(object.digest);
  if (!object.reason.empty()) return name + ": " + object.reason;
  if (!file.payload.empty() && file.payload != object_path(object.digest)) {
    return "redirects to " + quoted(file.payload) + ", which is not " + name;
  }
  if (object.size_bytes == file.size) return {};
  return name + " has " + std::to_string(object.size_bytes) + " bytes, the image says " + std::to_string(file.size);
}

}  // namespace

VerifyReport verify_contents(const ObjectStore& objects, const Tree& tree, const VerifyRequirements& requirements) {
  VerifyReport report;
  std::vector<ObjectCheck> checks = objects_of(tree);
  check_objects(objects, unsealed_reason(requirements), checks, requirements.threads);
  for (const ObjectCheck& check : checks) {
    ++report.object_count;
    report.object_bytes += check.size_bytes;
    report.sealed_count += check.sealed ? 1 : 0;
  }
  list_tree(tree, "/", [&](const Listed& listed) {
    const RegularFile* const file = listed.node.regular();
    if (file == nullptr || file->size == 0 || !file->inline_content.empty()) return;
    ++report.file_count;
    if (!file->digest) {
      report.findings.push_back({std::string(listed.path), "the image has no digest of its content"});
      return;
    }
    std::string defect = defect_of(*file, check_of(checks, *file->digest), objects);
    if (!defect.empty()) report.findings.push_back({std::string(listed.path), std::move(defect), file->digest});
  });
  return report;
}

VerifyReport verify_image(const ObjectStore& objects, const Digest& digest, const VerifyRequirements& requirements) {
  std::vector<ObjectCheck> image{{digest}};
  check_objects(objects, unsealed_reason(requirements), image, 1);
  if (!image.front().reason.empty()) {
    const std::string reason = "object " + objects.path_of(digest) + ": " + image.front().reason;
    return {.findings = {{"", reason, digest}}};
  }
  try {
    return verify_contents(objects, read_image(objects.read(digest)).tree, requirements);
  } catch (const Error& error) {
    if (error.fault() != Fault::malformed && error.fault() != Fault::untrusted) throw;
    return {.findings = {{"", error.what(), digest}}};
  }
}

}  // namespace sealroot
