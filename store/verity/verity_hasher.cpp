// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/verity/verity_hasher.hpp"

#include <algorithm>

#include "store/verity/hash_messages.hpp"

namespace sealroot {

namespace {

/// Blocks hashed at once: several times the lanes of the widest vector.
constexpr std::size_t batch_bytes = 64 * verity_block_size;

}  // namespace

VerityHasher::VerityHasher(Algorithm algorithm, Keep keep) : algorithm_(algorithm), tree_(algorithm, keep) {}

void VerityHasher::add_blocks(ByteView blocks) {
  std::array<std::uint8_t, batch_bytes / verity_block_size * max_digest_size> hashes{};
  while (!blocks.empty()) {
    const ByteView batch = blocks.first(std::min(blocks.size(), batch_bytes));
    hash_adjacent(algorithm_, batch, verity_block_size, hashes.data());
    tree_.add_leaves(ByteView(hashes).first(batch.size() / verity_block_size * digest_size(algorithm_)));
    blocks = blocks.subspan(batch.size());
  }
}

void VerityHasher::update(ByteView data) {
  size_bytes_ += data.size();
  if (!pending_.empty()) {
    const std::size_t taken = std::min(data.size(), batch_bytes - pending_.size());
    pending_.insert(pending_.end(), data.begin(), data.begin() + static_cast<std::ptrdiff_t>(taken));
    data = data.subspan(taken);
    if (pending_.size() < batch_bytes) return;
    add_blocks(pending_);
    pending_.clear();
  }
  const std::size_t whole = data.size() - data.size() % batch_bytes;
  add_blocks(data.first(whole));
  pending_.assign(data.begin() + static_cast<std::ptrdiff_t>(whole), data.end());
}

VerityMetadata VerityHasher::finish_metadata() {
  pending_.resize(round_up(pending_.size(), verity_block_size));
  add_blocks(pending_);
  return tree_.finish(size_bytes_);
}

Digest measure_bytes(Algorithm algorithm, ByteView content) {
  VerityHasher hasher(algorithm);
  hasher.update(content);
  return hasher.finish();
}

}  // namespace sealroot
