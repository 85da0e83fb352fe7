// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/fsck.hpp"

#include <algorithm>
#include <set>

#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/erofs/image_objects.hpp"
#include "store/names.hpp"
#include "store/object_check.hpp"
#include "store/splitstream.hpp"
#include "store/verity/kernel.hpp"

namespace sealroot {

namespace {

std::vector<ObjectCheck> list_objects(const Repository& repository, FsckReport& report) {
  ObjectNames names = read_object_names(repository.objects());
  report.leftovers = std::move(names.leftovers);
  for (auto& [path, reason] : names.strangers) report.damages.push_back({std::move(path), std::move(reason)});
  std::vector<ObjectCheck> objects;
  objects.reserve(names.objects.size());
  for (const Digest& digest : names.objects) objects.push_back({digest});
  return objects;
}

/// What an image or splitstream refers to. Bytes under `images` that are no image at all refer to nothing.
std::vector<Digest> references_of(const ObjectStore& store, const RepositoryName& name) {
  const Bytes content = store.read(*name.object);
  if (name.category == Category::streams) {
    SplitstreamRefs refs = read_splitstream_refs(content, store.algorithm());
    refs.objects.insert(refs.objects.end(), refs.streams.begin(), refs.streams.end());
    return refs.objects;
  }
  if (!erofs::looks_like_image(content)) return {};
  const std::set<Digest> objects = erofs::image_objects(content);
  return {objects.begin(), objects.end()};
}

void check_names(const Repository& repository, FsckReport& report, const std::vector<ObjectCheck>& objects) {
  const auto is_there = [&](const Digest& digest) -> const ObjectCheck* {
    const auto less = [](const ObjectCheck& object, const Digest& other) { return object.digest < other; };
    const auto found = std::lower_bound(objects.begin(), objects.end(), digest, less);
    return found != objects.end() && found->digest == digest ? &*found : nullptr;
  };
  const auto check_references = [&](const RepositoryName& name) {
    try {
      for (const Digest& digest : references_of(repository.objects(), name)) {
        if (is_there(digest) != nullptr) continue;
        const std::string object = "object " + repository.objects().path_of(digest);
        report.damages.push_back({name.path, "needs " + object + ", which is missing", digest});
      }
    } catch (const Error& error) {
      report.damages.push_back({name.path, error.what()});
    }
  };
  if (repository.is_flat()) return;  // objects are all it has
  const RepositoryNames names = read_names(repository);
  for (const RepositoryName& name : names.names) {
    ++(name.category == Category::images ? report.image_count : report.stream_count);
    if (!name.object) {
      report.damages.push_back({name.path, name.problem});
      continue;
    }
    const ObjectCheck* object = is_there(*name.object);
    if (object == nullptr) {
      report.damages.push_back(
          {name.path, "object " + repository.objects().path_of(*name.object) + " is missing", name.object});
    } else if (object->reason.empty()) {  // else it is reported as an object
      check_references(name);
    }
  }
  for (const RepositoryName& ref : names.refs) {
    ++report.ref_count;
    if (!ref.object) report.damages.push_back({ref.path, ref.problem});
  }
  report.leftovers.insert(report.leftovers.end(), names.leftovers.begin(), names.leftovers.end());
}

bool meta_is_sealed(const Repository& repository) {
  return !repository.is_flat() && try_measure(open_beneath(repository.directory(), "meta.json", O_RDONLY)).has_value();
}

}  // namespace

FsckReport check_repository(const Repository& repository, unsigned threads) {
  FsckReport report;
  std::vector<ObjectCheck> objects = list_objects(repository, report);
  const char* const unsealed = meta_is_sealed(repository) ? "has no fs-verity, though meta.json has" : nullptr;
  check_objects(repository.objects(), unsealed, objects, threads);
  for (const ObjectCheck& object : objects) {
    ++report.object_count;
    report.object_bytes += object.size_bytes;
    report.sealed_count += object.sealed ? 1 : 0;
    if (!object.reason.empty()) {
      report.damages.push_back({repository.objects().path_of(object.digest), object.reason, object.digest});
    }
  }
  check_names(repository, report, objects);
  std::sort(report.damages.begin(), report.damages.end(),
            [](const Damage& a, const Damage& b) { return a.path < b.path; });
  std::sort(report.leftovers.begin(), report.leftovers.end());
  return report;
}

std::vector<Digest> lost_objects(const FsckReport& report) {
  std::set<Digest> lost;
  for (const Damage& damage : report.damages) {
    if (damage.object) lost.insert(*damage.object);
  }
  return {lost.begin(), lost.end()};
}

}  // namespace sealroot
