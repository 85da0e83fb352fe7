// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// A repository of objects and images, laid out as composefs-rs has it, so that either program reads the other's:
//
//   REPO/ (0700)  meta.json
//                 objects/XX/REST
//                 images/HEX -> ../objects/XX/REST      images/refs/NAME -> ../HEX
//                 streams/  streams/refs/
//
// Names appear last: all objects are on disk (one syncfs) before a symlink makes them reachable.
#pragma once

#include <string>

#include "store/meta.hpp"
#include "store/object_store.hpp"

namespace sealroot {

class Repository {
 public:
  /// Makes the directory `name` in `parent`, new or empty, a repository for images in format V1. What a create() that
  /// was interrupted left is completed; Error{usage} if anything else is there. meta.json is sealed where the file
  /// system can, which tells composefs-rs that all objects are.
  static Repository create(const Fd& parent, const std::string& name, Algorithm algorithm);

  /// Opens a repository and holds its lock shared, so that no gc runs meanwhile (waits for one that does).
  /// Error{malformed} if this program must not touch it.
  static Repository open(const Fd& parent, const std::string& name);

  const ObjectStore& objects() const { return objects_; }
  Algorithm algorithm() const { return meta_.algorithm; }
  const RepositoryMeta& meta() const { return meta_; }
  const Fd& directory() const { return directory_; }

  /// False if meta.json names a feature that only allows reading: all that changes the repository then throws.
  bool writable() const { return meta_.unknown_read_only_features.empty(); }

  /// Stores an EROFS image as object and names it `images/HEX`. Everything stored before is durable after this.
  Digest add_image(ByteView image) const;

  /// Points `images/refs/NAME` at an image that was added; `name` may have directories (`os/1.2`). gc keeps what refs
  /// reach. Error{usage} for a name that is empty, absolute or has `.` or `..` in it.
  void set_image_ref(const std::string& name, const Digest& image) const;

  /// Holds the lock exclusively from now on, as gc must. Error{busy} if anybody else has the repository open.
  void lock_exclusive() const;

  /// Error{os} names the feature that forbids to change the repository.
  void require_writable() const;

  /// Makes all objects stored so far durable: one syncfs.
  void sync() const;

 private:
  Repository(Fd directory, RepositoryMeta meta);

  Fd directory_;
  RepositoryMeta meta_;
  ObjectStore objects_;
};

}  // namespace sealroot
