// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Where the blobs of a container image are: a layout directory, an archive of one, or a registry. All hand out bytes as
// they are; CheckedBlob compares them with the descriptor.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "builder/layer/blob_digest.hpp"
#include "builder/layer/byte_stream.hpp"
#include "builder/source/manifest.hpp"
#include "store/core/fd.hpp"

namespace sealroot {

class BlobSource {
 public:
  virtual ~BlobSource() = default;
  /// The bytes of a blob, or Error{missing}. The stream must not outlive the source.
  virtual std::unique_ptr<ByteStream> open(const Descriptor& descriptor) const = 0;
  /// Says which blobs will be opened next and in which order: a source far away may begin to fetch them.
  virtual void expect(const std::vector<Descriptor>& descriptors) const { static_cast<void>(descriptors); }
};

/// An OCI layout: files by their names, blobs among them.
class Layout : public BlobSource {
 public:
  std::unique_ptr<ByteStream> open(const Descriptor& descriptor) const final;
  /// A file of the layout by its path inside; Error{missing} if there is none.
  virtual std::unique_ptr<ByteStream> open_file(const std::string& path) const = 0;
};

std::unique_ptr<Layout> open_layout_directory(const std::string& path);
std::unique_ptr<Layout> open_layout_directory(Fd directory);

/// A tar of a layout: see ArchiveFiles.
std::unique_ptr<Layout> open_layout_archive(const std::string& path);

/// Where a blob stands in a layout.
std::string blob_path(const BlobDigest& digest);

std::unique_ptr<CheckedBlob> open_blob(const BlobSource& source, const Descriptor& descriptor);

/// A whole JSON document; Error{malformed} over max_json_size.
Bytes read_document(const BlobSource& source, const Descriptor& descriptor);
Bytes read_document(const Layout& layout, const std::string& path);

/// The manifest of an image for one platform.
struct ChosenManifest {
  Descriptor descriptor;
  Manifest manifest;
  Bytes document;  // the manifest as it was served
};

/// A container image, not yet read: where its blobs are, and the manifest or index of platforms that was named.
struct OpenContainer {
  std::unique_ptr<BlobSource> blobs;
  Descriptor root;
};

/// What `tag` names in the layout, an index of platforms or a manifest; empty: the layout must hold one image only.
///   throws   Error{missing} listing the tags there are
Descriptor choose_tagged(const Layout& layout, const std::string& tag);

/// From `root`, an index of platforms or a manifest, down to the manifest for linux on `architecture`.
///   throws   Error{missing} listing the platforms there are
ChosenManifest choose_manifest(const BlobSource& blobs, const Descriptor& root, const std::string& architecture);

}  // namespace sealroot
