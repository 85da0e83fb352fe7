// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The objects of a repository: immutable files `objects/XX/REST` named by their fs-verity digest. This header is the
// border; how contents are hashed and written at full speed is in ingest.hpp.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "store/core/bytes.hpp"
#include "store/core/digest.hpp"
#include "store/core/fd.hpp"

namespace sealroot {

class EarlySync;
struct StoreTraits;

class ObjectStore {
 public:
  enum class Access : std::uint8_t { read_write, read_only };

  /// `objects` is the open directory that holds `XX/REST`; it is made ready by Repository. `folder` is its name in
  /// messages, with a slash at its end, or empty.
  ObjectStore(Fd objects, Algorithm algorithm, Access access = Access::read_write, std::string folder = "objects/");

  Algorithm algorithm() const { return algorithm_; }
  const Fd& directory() const { return objects_; }

  /// `objects/XX/REST`: where an object stands below the repository, for messages.
  std::string path_of(const Digest& digest) const;
  const std::string& folder() const { return folder_; }

  /// Stores `content` (one not too large buffer) and returns its digest. An object that is there already is kept,
  /// unless contains_intact() knows better: then it is replaced.
  ///   throws   Error{untrusted}: something else is in its place; Error{os}: disk full, read only
  ///   ensures  after power loss and a later sync the object is complete, or absent; sealed where the file system can
  ///   threads  safe; equal contents race harmlessly
  Digest put(ByteView content) const;

  /// put() for content whose digest is known already, so that an object that is there costs no write.
  void put_measured(const Digest& digest, ByteView content) const;

  /// Opens an object for reading; Error{missing} names it. What is read is not checked: see read().
  Fd open(const Digest& digest) const;

  /// Whole object, measured in user space while it is read: Error{untrusted} if the bytes do not give `digest`.
  Bytes read(const Digest& digest) const;

  bool contains(const Digest& digest) const;

  struct Usage {
    std::uint64_t size_bytes = 0;
    std::uint64_t stored_bytes = 0;  // blocks that hold it
  };
  /// Of an object that is there; Error{os} names it.
  Usage usage(const Digest& digest) const;

  /// Whether an object for a content of this size is there. False for one of another size too: that is what a power
  /// cut leaves where the file system has no fs-verity, so whoever has the content writes it again. An object of the
  /// right size is not read, which would take as long as storing it; what is wrong with it, fsck finds. It is sealed
  /// where that is possible.
  ///   throws   Error{untrusted}: no regular file, or the kernel measures another digest. No power cut makes that.
  bool contains_intact(const Digest& digest, std::uint64_t size_bytes) const;

  /// False once the file system (or kernel) has refused fs-verity: objects are then complete but not sealed.
  bool seals() const;

  /// Has the file system start to write all new objects to disk: no more are to come for a while. Only a hint.
  void start_sync() const;

  /// Writes large new objects past the page cache where they are not sealed: nobody is to read them soon. Only a hint.
  void pass_page_cache() const;

  /// Writes new objects under a temporary name, as on a file system without O_TMPFILE (found out by itself).
  void forgo_unnamed_files() const;

 private:
  friend class NewObject;

  Fd objects_;
  Algorithm algorithm_;
  Access access_;
  std::string folder_;
  std::shared_ptr<StoreTraits> traits_;
  std::shared_ptr<EarlySync> early_sync_;
};

}  // namespace sealroot
