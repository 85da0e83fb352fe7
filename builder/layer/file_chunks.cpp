// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/layer/file_chunks.hpp"

#include <algorithm>

#include "store/read_pieces.hpp"

namespace sealroot {

FileChunks::FileChunks(BackingFile file, std::function<void(std::uint64_t)> progress)
    : file_(std::move(file)), progress_(std::move(progress)) {}

ByteView FileChunks::next() {
  constexpr std::uint64_t progress_step = 1U << 20;
  if (position_ - told_ >= progress_step) {
    told_ = position_;
    if (progress_) progress_(position_);
  }
  const std::size_t size = read_at(*file_.file, chunk_, position_);
  position_ += size;
  return ByteView(chunk_).first(size);
}

/// What is cut off at the end of the file is not passed over: reading finds out that it is missing.
std::uint64_t FileChunks::skip(std::uint64_t size_bytes) {
  const std::uint64_t skipped = std::min(size_bytes, file_.size_bytes - std::min(file_.size_bytes, position_));
  position_ += skipped;
  return skipped;
}

}  // namespace sealroot
