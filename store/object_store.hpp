// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The objects of a repository: immutable files `objects/XX/REST` named by their fs-verity digest. This header is the
// border; how contents are hashed and written at full speed is in ingest.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "store/core/bytes.hpp"
#include "store/core/digest.hpp"
#include "store/core/fd.hpp"

namespace sealroot {

class ObjectStore {
 public:
  /// `objects` is the open directory that holds `XX/REST`; it is made ready by Repository.
  ObjectStore(Fd objects, Algorithm algorithm) : objects_(std::move(objects)), algorithm_(algorithm) {}

  Algorithm algorithm() const { return algorithm_; }
  const Fd& directory() const { return objects_; }

  /// Stores `content` (one not too large buffer) and returns its digest. An object that is there already is kept.
  ///   ensures  after power loss and a later sync the object is complete, or absent; sealed where the file system can
  ///   threads  safe; equal contents race harmlessly
  Digest put(ByteView content) const;

  /// Opens an object for reading; Error{missing} names it. What is read is not checked: see read().
  Fd open(const Digest& digest) const;

  /// Whole object, measured in user space while it is read: Error{untrusted} if the bytes do not give `digest`.
  Bytes read(const Digest& digest) const;

  bool contains(const Digest& digest) const;

 private:
  Fd objects_;
  Algorithm algorithm_;
};

}  // namespace sealroot
