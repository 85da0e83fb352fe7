// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/container/blob_target.hpp"

#include <algorithm>

#include "store/core/error.hpp"

namespace sealroot {

void copy_blobs(const BlobSource& source, const Manifest& manifest, BlobTarget& target, const CopyProgress& progress) {
  std::vector<Descriptor> missing;
  std::uint64_t total = 0;
  const auto want = [&](const Descriptor& descriptor) {
    const bool known = std::any_of(missing.begin(), missing.end(),
                                   [&](const Descriptor& other) { return other.digest == descriptor.digest; });
    if (known || target.contains(descriptor)) return;
    missing.push_back(descriptor);
    total += descriptor.size;
  };
  want(manifest.config);
  for (const Descriptor& layer : manifest.layers) want(layer);
  source.expect(missing);
  std::uint64_t done = 0;
  for (const Descriptor& descriptor : missing) {
    during("blob " + descriptor.digest.text(), [&] {
      const std::unique_ptr<CheckedBlob> blob = open_blob(source, descriptor);
      TapStream counted(*blob, [&](ByteView piece) {
        done += piece.size();
        if (progress) progress(done, total);
      });
      target.put(descriptor, counted);
    });
  }
}

Descriptor put_bytes(BlobTarget& target, const std::string& media_type, ByteView bytes) {
  Descriptor descriptor;
  descriptor.media_type = media_type;
  descriptor.digest = blob_digest(bytes);
  descriptor.size = bytes.size();
  ViewStream stream(bytes);
  if (!target.contains(descriptor)) target.put(descriptor, stream);
  return descriptor;
}

}  // namespace sealroot
