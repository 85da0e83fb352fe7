// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/layer/blob_digest.hpp"

#include <algorithm>
#include <vector>

namespace sealroot {

CheckedBlob::CheckedBlob(std::unique_ptr<ByteStream> source, std::uint64_t size, BlobDigest digest)
    : source_(std::move(source)), size_(size), digest_(std::move(digest)), hasher_(digest_.algorithm) {}

std::size_t CheckedBlob::read(std::span<std::uint8_t> out) {
  if (mismatch_) throw *mismatch_;
  if (checked_) return 0;
  // One byte more than there should be is asked for, never two: that is enough to know.
  const std::size_t got = source_->read(out.first(std::min<std::uint64_t>(out.size(), size_ - seen_ + 1)));
  seen_ += got;
  if (seen_ > size_ || (got == 0 && seen_ != size_)) {
    throw mismatch_.emplace(Fault::untrusted, "blob size mismatch: descriptor says " + std::to_string(size_) +
                                                  " bytes, blob has " +
                                                  (seen_ > size_ ? "more" : std::to_string(seen_)));
  }
  hasher_.update(ByteView(out).first(got));
  if (got == 0) {
    checked_ = true;
    if (const BlobDigest found = hasher_.finish(); !(found == digest_)) {
      throw mismatch_.emplace(Fault::untrusted, "blob digest mismatch: blob has " + found.text());
    }
  }
  return got;
}

void CheckedBlob::drain() {
  std::vector<std::uint8_t> ignored(1U << 18);
  while (read(ignored) != 0) {
  }
}

}  // namespace sealroot
