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

#include <optional>
#include <string>
#include <utility>
#include <vector>

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

  /// The same for programs that only read; takes a flat store of the C tools (`mkcomposefs --digest-store`) too: a
  /// directory of objects `XX/REST` alone, whose algorithm is that of the first of them.
  static Repository open_to_read(const Fd& parent, const std::string& name);

  const ObjectStore& objects() const { return objects_; }
  Algorithm algorithm() const { return meta_.algorithm; }
  const RepositoryMeta& meta() const { return meta_; }
  const Fd& directory() const { return directory_; }

  /// Without meta.json, images and streams.
  bool is_flat() const { return flat_; }

  /// False if meta.json names a feature that only allows reading, or is not there: all that changes the repository then
  /// throws.
  bool writable() const { return !flat_ && meta_.unknown_read_only_features.empty(); }

  /// Stores an EROFS image as object and names it `images/HEX`. Everything stored before is durable after this.
  Digest add_image(ByteView image) const;

  /// Points `images/refs/NAME` at an image that was added; `name` may have directories (`os/1.2`). gc keeps what refs
  /// reach. Error{usage} for a name that is empty, absolute or has `.` or `..` in it.
  void set_image_ref(const std::string& name, const Digest& image) const;

  /// The object of splitstream `streams/ID`, such as `oci-layer-sha256:...`; nullopt if there is none, or its object is
  /// missing.
  std::optional<Digest> find_stream(const std::string& id) const;

  /// Names splitstreams that are objects already, in this order. Everything stored before is durable after this.
  void name_streams(const std::vector<std::pair<std::string, Digest>>& streams) const;

  /// Points `streams/refs/NAME` at `streams/ID`; names as for set_image_ref().
  void set_stream_ref(const std::string& name, const std::string& id) const;

  /// Holds the lock exclusively from now on, as gc must. Error{busy} if anybody else has the repository open.
  void lock_exclusive() const;

  /// Error{os} names the feature that forbids to change the repository.
  void require_writable() const;

  /// Makes all objects stored so far durable: one syncfs.
  void sync() const;

 private:
  Repository(Fd directory, RepositoryMeta meta);
  /// A flat store.
  Repository(Fd directory, Fd objects, Algorithm algorithm);
  void set_ref(const std::string& folder, const std::string& name, const std::string& target) const;

  Fd directory_;
  RepositoryMeta meta_;
  bool flat_ = false;  // before objects_, which asks whether it may write
  ObjectStore objects_;
};

}  // namespace sealroot
