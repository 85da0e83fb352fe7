// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/fsck.hpp"

#include <algorithm>
#include <set>

#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/erofs/image_objects.hpp"
#include "store/for_each_index.hpp"
#include "store/names.hpp"
#include "store/object_check.hpp"
#include "store/splitstream.hpp"
#include "store/stream_content.hpp"
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

/// Checks images and splitstreams against the objects, which have been checked.
class NameChecker {
 public:
  NameChecker(const ObjectStore& store, const std::vector<ObjectCheck>& objects) : store_(store), objects_(objects) {}

  std::vector<Damage> check(const RepositoryName& name, Bytes& buffer) const {
    if (!name.object) return {{name.path, name.problem}};
    const ObjectCheck* object = find(*name.object);
    if (object == nullptr) {
      return {{name.path, "object " + store_.path_of(*name.object) + " is missing", name.object}};
    }
    if (!object->reason.empty()) return {};  // is reported as an object
    std::vector<Damage> damages;
    try {
      const Bytes content = store_.read(*name.object);
      name.category == Category::images ? check_image(name, content, damages)
                                        : check_stream(name, content, damages, buffer);
    } catch (const Error& error) {
      damages.push_back({name.path, error.what()});
    }
    return damages;
  }

 private:
  const ObjectCheck* find(const Digest& digest) const {
    const auto less = [](const ObjectCheck& object, const Digest& other) { return object.digest < other; };
    const auto found = std::lower_bound(objects_.begin(), objects_.end(), digest, less);
    return found != objects_.end() && found->digest == digest ? &*found : nullptr;
  }

  /// The object, if it is intact; else a missing one is told of.
  const ObjectCheck* need(const RepositoryName& name, const Digest& digest, std::vector<Damage>& damages) const {
    const ObjectCheck* object = find(digest);
    if (object == nullptr) {
      damages.push_back({name.path, "needs object " + store_.path_of(digest) + ", which is missing", digest});
    }
    return object == nullptr || !object->reason.empty() ? nullptr : object;
  }

  /// Bytes under `images` that are no image at all refer to nothing.
  void check_image(const RepositoryName& name, ByteView content, std::vector<Damage>& damages) const {
    if (!erofs::looks_like_image(content)) return;
    for (const erofs::ImageObject& wanted : erofs::image_objects(content)) {
      const ObjectCheck* object = need(name, wanted.digest, damages);
      if (object == nullptr || object->size_bytes == wanted.size_bytes) continue;
      damages.push_back({name.path, "has a file of " + std::to_string(wanted.size_bytes) + " bytes in object " +
                                        store_.path_of(wanted.digest) + ", which has " +
                                        std::to_string(object->size_bytes)});
    }
  }

  void check_stream(const RepositoryName& name, ByteView content, std::vector<Damage>& damages, Bytes& buffer) const {
    const Splitstream stream = read_splitstream(content, store_.algorithm());
    bool complete = true;
    for (const Digest& digest : stream.refs.streams) need(name, digest, damages);
    const std::set<Digest> objects(stream.refs.objects.begin(), stream.refs.objects.end());  // an object may come twice
    for (const Digest& digest : objects) complete = need(name, digest, damages) != nullptr && complete;
    if (complete) check_stream_content(store_, name.path.substr(name.path.find('/') + 1), stream, buffer);
  }

  const ObjectStore& store_;
  const std::vector<ObjectCheck>& objects_;
};

void check_names(const Repository& repository, FsckReport& report, const std::vector<ObjectCheck>& objects,
                 unsigned threads) {
  if (repository.is_flat()) return;  // objects are all it has
  const RepositoryNames names = read_names(repository);
  const NameChecker checker(repository.objects(), objects);
  std::vector<std::vector<Damage>> damages(names.names.size());
  for_each_index(names.names.size(), threads,
                 [&](std::size_t i, Bytes& buffer) { damages[i] = checker.check(names.names[i], buffer); });
  for (std::size_t i = 0; i < damages.size(); ++i) {
    ++(names.names[i].category == Category::images ? report.image_count : report.stream_count);
    report.damages.insert(report.damages.end(), damages[i].begin(), damages[i].end());
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
  check_names(repository, report, objects, threads);
  std::stable_sort(report.damages.begin(), report.damages.end(),
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
