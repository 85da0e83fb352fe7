// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Where the blobs of a container image go: a layout directory or a registry.
#pragma once

#include <functional>

#include "builder/source/blob_source.hpp"

namespace sealroot {

class BlobTarget {
 public:
  virtual ~BlobTarget() = default;
  virtual bool contains(const Descriptor& descriptor) = 0;
  /// Reads `blob`, which is checked while it is read, to its end and keeps it.
  virtual void put(const Descriptor& descriptor, ByteStream& blob) = 0;
  /// Names the image, when all its blobs are there.
  virtual void put_manifest(const Descriptor& descriptor, ByteView document) = 0;
};

/// Called with the bytes that have passed of all there are.
using CopyProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;

/// Copies config and layers, byte for byte and each checked, but for what is there already.
void copy_blobs(const BlobSource& source, const Manifest& manifest, BlobTarget& target, const CopyProgress& progress);

/// Puts a blob that is at hand.
///   returns  its descriptor
Descriptor put_bytes(BlobTarget& target, const std::string& media_type, ByteView bytes);

}  // namespace sealroot
