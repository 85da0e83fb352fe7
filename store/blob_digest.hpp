// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Blob digests and diff IDs: the plain SHA-2 of a sequence of bytes, as OCI writes it ("sha256:<hex>"). Not to be
// mixed up with Digest, the fs-verity digest of an object.
#pragma once

#include <string>
#include <string_view>

#include "store/core/bytes.hpp"
#include "store/core/digest.hpp"

namespace sealroot {

struct BlobDigest {
  Algorithm algorithm = Algorithm::sha256;
  std::string hex;  // lower case, of the algorithm's length

  /// `sha256:<hex>`
  std::string text() const { return std::string(algorithm_name(algorithm)) + ":" + hex; }
  friend bool operator==(const BlobDigest&, const BlobDigest&) = default;
};

/// Only sha256 and sha512 with exactly their number of lower-case digits; anything else is Error{malformed}. What
/// comes back is safe as part of a path.
BlobDigest parse_blob_digest(std::string_view text);

/// Hashes bytes as they pass.
class BlobHasher {
 public:
  explicit BlobHasher(Algorithm algorithm);
  ~BlobHasher();
  BlobHasher(const BlobHasher&) = delete;
  BlobHasher& operator=(const BlobHasher&) = delete;
  void update(ByteView data);
  /// Called once, after the last update().
  BlobDigest finish();

 private:
  Algorithm algorithm_;
  void* context_;  // EVP_MD_CTX
};

BlobDigest blob_digest(ByteView data, Algorithm algorithm = Algorithm::sha256);

}  // namespace sealroot
