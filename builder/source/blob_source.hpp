// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Where the blobs of an OCI image are: a layout directory, or an archive of one. Both hand out bytes as they are;
// CheckedBlob compares them with the descriptor.
#pragma once

#include <memory>
#include <string>

#include "builder/layer/blob_digest.hpp"
#include "builder/layer/byte_stream.hpp"
#include "builder/source/manifest.hpp"
#include "store/core/fd.hpp"

namespace sealroot {

class BlobSource {
 public:
  virtual ~BlobSource() = default;
  /// A file of the layout by its path inside; Error{missing} if there is none. Must not outlive the source.
  virtual std::unique_ptr<ByteStream> open(const std::string& path) const = 0;
};

std::unique_ptr<BlobSource> open_layout_directory(const std::string& path);

/// A tar of a layout, compressed or not, its files in any order. A compressed one is unpacked to an
/// unnamed temporary file below $TMPDIR, else /var/tmp.
std::unique_ptr<BlobSource> open_layout_archive(const std::string& path);

std::unique_ptr<CheckedBlob> open_blob(const BlobSource& source, const Descriptor& descriptor);

/// A whole JSON document; Error{malformed} over max_json_size.
Bytes read_document(const BlobSource& source, const Descriptor& descriptor);
Bytes read_document(const BlobSource& source, const std::string& path);

}  // namespace sealroot
