// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/fsck.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <set>
#include <system_error>
#include <thread>

#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/erofs/image_objects.hpp"
#include "store/names.hpp"
#include "store/splitstream.hpp"
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
  for (;;) {
    const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw os_error("reading it");
    if (got == 0) break;
    if (hasher) hasher->update(ByteView(buffer).first(static_cast<std::size_t>(got)));
  }
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

/// Slot i belongs to object i, so that the report does not depend on the order of the work.
void check_objects(const ObjectStore& store, bool must_be_sealed, std::vector<ObjectCheck>& objects, unsigned threads) {
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    Bytes buffer(read_bytes);
    for (std::size_t i = next++; i < objects.size(); i = next++) {
      try {
        check_object(store, must_be_sealed, objects[i], buffer);
      } catch (const std::exception& error) {
        objects[i].reason = error.what();
      }
    }
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
        const std::string object = "object objects/" + object_path(digest);
        report.damages.push_back({name.path, "needs " + object + ", which is missing", digest});
      }
    } catch (const Error& error) {
      report.damages.push_back({name.path, error.what()});
    }
  };
  const RepositoryNames names = read_names(repository);
  for (const RepositoryName& name : names.names) {
    ++(name.category == Category::images ? report.image_count : report.stream_count);
    if (!name.object) {
      report.damages.push_back({name.path, name.problem});
      continue;
    }
    const ObjectCheck* object = is_there(*name.object);
    if (object == nullptr) {
      report.damages.push_back({name.path, "object objects/" + object_path(*name.object) + " is missing", name.object});
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
