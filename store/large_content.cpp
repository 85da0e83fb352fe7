// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/large_content.hpp"

#include <cstring>
#include <string>

#include "store/core/error.hpp"
#include "store/verity/hash_messages.hpp"

namespace sealroot {

namespace {

Bytes hash_blocks(Algorithm algorithm, ByteView data) {
  const std::size_t block_count = (data.size() + verity_block_size - 1) / verity_block_size;
  const std::size_t whole_bytes = data.size() - data.size() % verity_block_size;
  Bytes hashes(block_count * digest_size(algorithm));
  hash_adjacent(algorithm, data.first(whole_bytes), verity_block_size, hashes.data());
  if (whole_bytes < data.size()) {
    std::array<std::uint8_t, verity_block_size> last{};
    std::memcpy(last.data(), data.data() + whole_bytes, data.size() - whole_bytes);
    hash_adjacent(algorithm, last, verity_block_size, hashes.data() + hashes.size() - digest_size(algorithm));
  }
  return hashes;
}

}  // namespace

LargeContent::LargeContent(const ObjectStore* store, Algorithm algorithm, std::uint64_t size_bytes,
                           std::size_t segment_bytes)
    : store_(store), algorithm_(algorithm), size_bytes_(size_bytes), segment_bytes_(segment_bytes), tree_(algorithm) {
  if (store != nullptr && size_bytes > segment_bytes) object_.emplace(*store, ".", size_bytes);
}

std::optional<Digest> LargeContent::add_segment(std::uint64_t index, ByteView data) {
  Bytes leaves = hash_blocks(algorithm_, data);
  if (object_) {
    during("object of " + std::to_string(size_bytes_) + " bytes",
           [&] { object_->write_at(data, index * segment_bytes_); });
  }
  if (!add_leaves_in_order(index, std::move(leaves))) return std::nullopt;
  const Digest digest = tree_.finish(size_bytes_).digest;
  if (object_) {
    object_->publish(digest, size_bytes_);
  } else if (store_ != nullptr) {
    store_->put_measured(digest, data);
  }
  return digest;
}

/// True for the thread that adds the last leaves: all others have written their segments before they came here.
bool LargeContent::add_leaves_in_order(std::uint64_t index, Bytes leaves) {
  const std::lock_guard lock(mutex_);
  early_.emplace(index, std::move(leaves));
  while (!early_.empty() && early_.begin()->first == next_segment_) {
    tree_.add_leaves(early_.begin()->second);
    early_.erase(early_.begin());
    ++next_segment_;
  }
  return next_segment_ * segment_bytes_ >= size_bytes_;
}

}  // namespace sealroot
