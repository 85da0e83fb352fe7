// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/object_check.hpp"

#include <sys/stat.h>

#include <optional>

#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/for_each_index.hpp"
#include "store/read_pieces.hpp"
#include "store/verity/kernel.hpp"
#include "store/verity/verity_hasher.hpp"

namespace sealroot {

namespace {

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

void check_object(const ObjectStore& store, const char* unsealed_reason, ObjectCheck& object, Bytes& buffer) {
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
  if (!enforced && unsealed_reason != nullptr) throw Error(Fault::untrusted, unsealed_reason);
}

}  // namespace

void check_objects(const ObjectStore& store, const char* unsealed_reason, std::vector<ObjectCheck>& objects,
                   unsigned threads) {
  for_each_index(objects.size(), threads, [&](std::size_t i, Bytes& buffer) {
    try {
      check_object(store, unsealed_reason, objects[i], buffer);
    } catch (const std::exception& error) {
      objects[i].reason = error.what();
    }
  });
}

}  // namespace sealroot
