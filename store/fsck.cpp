// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/fsck.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <set>
#include <system_error>
#include <thread>

#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/erofs/image_objects.hpp"
#include "store/names.hpp"
#include "store/read_pieces.hpp"
#include "store/splitstream.hpp"
#include "store/stream_content.hpp"
#include "store/verity/kernel.hpp"
#include "store/verity/verity_hasher.hpp"

namespace sealroot {

namespace {

constexpr std::size_t read_bytes = std::size_t{1} << 20;

struct ObjectCheck {
  Digest digest;
  std::string reason{};  ///< empty: intact
  std::uint64_t size_bytes = 0;
  bool sealed = false;
};

std::vector<ObjectCheck> list_objects(const Repository& repository, FsckReport& report) {
  ObjectNames names = read_object_names(repository.objects());
  report.leftovers = std::move(names.leftovers);
  for (auto& [path, reason] : names.strangers) report.damages.push_back({std::move(path), std::move(reason)});
  std::vector<ObjectCheck> objects;
  objects.reserve(names.objects.size());
  for (const Digest& digest : names.objects) objects.push_back({digest});
  return objects;
}

/// Digest of all bytes of `file`. Those of a sealed file are read as well, since the kernel checks them only then,
/// but not hashed a second time.
std::optional<Digest> measure_by_reading(const Fd& file, Algorithm algorithm, bool hash, Bytes& buffer) {
  std::optional<VerityHasher> hasher;
  if (hash) hasher.emplace(algorithm);
  read_pieces(file, buffer, [&](ByteView piece) {
    if (hasher) hasher->update(piece);
  });
  if (!hasher) return std::nullopt;
  return hasher->finish();
}

void check_object(const ObjectStore& store, bool must_be_sealed, ObjectCheck& object, Bytes& buffer) {
  const Fd file = open_beneath(store.directory(), object_path(object.digest), O_RDONLY | O_NONBLOCK);
  struct stat info {};
  if (::fstat(file.get(), &info) < 0) throw os_error("reading its size");
  if (!S_ISREG(info.st_mode)) throw Error(Fault::untrusted, "not a regular file");
  object.size_bytes = static_cast<std::uint64_t>(info.st_size);
  const std::optional<Digest> enforced = try_measure(file);
  object.sealed = enforced.has_value();
  if (enforced && *enforced != object.digest) {
    throw Error(Fault::untrusted, "the kernel measures another digest, " + to_hex(*enforced));
  }
  const std::optional<Digest> found = measure_by_reading(file, store.algorithm(), !enforced, buffer);
  if (found && *found != object.digest) {
    throw Error(Fault::untrusted,
                "its " + std::to_string(object.size_bytes) + " bytes give another digest, " + to_hex(*found));
  }
  if (!enforced && must_be_sealed) throw Error(Fault::untrusted, "has no fs-verity, though meta.json has");
}

/// Calls `job` for each index below `count`, on several threads; slot i of what it writes belongs to index i, so that
/// the report does not depend on the order of the work.
void for_each_index(std::size_t count, unsigned threads, const std::function<void(std::size_t, Bytes& buffer)>& job) {
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    Bytes buffer(read_bytes);
    for (std::size_t i = next++; i < count; i = next++) job(i, buffer);
  };
  if (threads == 0) threads = std::max(1U, std::thread::hardware_concurrency());
  std::vector<std::jthread> helpers;
  try {
    for (unsigned i = 1; i < threads; ++i) helpers.emplace_back(work);
  } catch (const std::system_error&) {
    // No more threads to be had: those there are do the work.
  }
  work();
}

void check_objects(const ObjectStore& store, bool must_be_sealed, std::vector<ObjectCheck>& objects, unsigned threads) {
  for_each_index(objects.size(), threads, [&](std::size_t i, Bytes& buffer) {
    try {
      check_object(store, must_be_sealed, objects[i], buffer);
    } catch (const std::exception& error) {
      objects[i].reason = error.what();
    }
  });
}

/// Checks images and splitstreams against the objects, which have been checked.
class NameChecker {
 public:
  NameChecker(const ObjectStore& store, const std::vector<ObjectCheck>& objects) : store_(store), objects_(objects) {}

  std::vector<Damage> check(const RepositoryName& name, Bytes& buffer) const {
    if (!name.object) return {{name.path, name.problem}};
    const ObjectCheck* object = find(*name.object);
    if (object == nullptr) {
      return {{name.path, "object objects/" + object_path(*name.object) + " is missing", name.object}};
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
      damages.push_back({name.path, "needs object objects/" + object_path(digest) + ", which is missing", digest});
    }
    return object == nullptr || !object->reason.empty() ? nullptr : object;
  }

  /// Bytes under `images` that are no image at all refer to nothing.
  void check_image(const RepositoryName& name, ByteView content, std::vector<Damage>& damages) const {
    if (!erofs::looks_like_image(content)) return;
    for (const erofs::ImageObject& wanted : erofs::image_objects(content)) {
      const ObjectCheck* object = need(name, wanted.digest, damages);
      if (object == nullptr || object->size_bytes == wanted.size_bytes) continue;
      damages.push_back({name.path, "has a file of " + std::to_string(wanted.size_bytes) + " bytes in object objects/" +
                                        object_path(wanted.digest) + ", which has " +
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
  return try_measure(open_beneath(repository.directory(), "meta.json", O_RDONLY)).has_value();
}

}  // namespace

FsckReport check_repository(const Repository& repository, unsigned threads) {
  FsckReport report;
  std::vector<ObjectCheck> objects = list_objects(repository, report);
  check_objects(repository.objects(), meta_is_sealed(repository), objects, threads);
  for (const ObjectCheck& object : objects) {
    ++report.object_count;
    report.object_bytes += object.size_bytes;
    report.sealed_count += object.sealed ? 1 : 0;
    if (!object.reason.empty()) {
      report.damages.push_back({"objects/" + object_path(object.digest), object.reason, object.digest});
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
