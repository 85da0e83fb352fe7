// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// A blob of a container image on its way in, compared with its descriptor.
#pragma once

#include <memory>
#include <optional>

#include "builder/layer/byte_stream.hpp"
#include "store/blob_digest.hpp"
#include "store/core/bytes.hpp"
#include "store/core/error.hpp"

namespace sealroot {

/// A blob that is what its descriptor says, or an Error: `blob size mismatch` as soon as one byte too many or too few
/// has come, `blob digest mismatch` (untrusted) at the end.
class CheckedBlob final : public ByteStream {
 public:
  CheckedBlob(std::unique_ptr<ByteStream> source, std::uint64_t size, BlobDigest digest);
  std::size_t read(std::span<std::uint8_t> out) override;
  /// Reads on to the end, so that a blob that was given up on midway is still told apart from a wrong one.
  void drain();

 private:
  std::unique_ptr<ByteStream> source_;
  std::uint64_t size_;
  std::uint64_t seen_ = 0;
  BlobDigest digest_;
  BlobHasher hasher_;
  bool checked_ = false;
  std::optional<Error> mismatch_;  // thrown again by every later read()
};

}  // namespace sealroot
