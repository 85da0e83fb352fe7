// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/verity/merkle.hpp"

#include <algorithm>
#include <cassert>

#include "store/verity/hash_messages.hpp"

namespace sealroot {

namespace {

/// Blocks of one level that are hashed at once: as many as the widest vector has lanes.
constexpr std::size_t level_batch_bytes = 16 * verity_block_size;

Digest hash_descriptor(const VerityDescriptor& descriptor) {
  std::array<std::uint8_t, max_digest_size> hash{};
  hash_adjacent(descriptor.hash_algorithm, bytes_of(descriptor), sizeof descriptor, hash.data());
  return {descriptor.hash_algorithm, ByteView(hash).first(digest_size(descriptor.hash_algorithm))};
}

}  // namespace

void MerkleBuilder::add(std::size_t level, ByteView hashes) {
  if (level == levels_.size()) levels_.emplace_back();
  levels_[level].hash_count += hashes.size() / digest_size(algorithm_);
  while (!hashes.empty()) {
    // Blocks are hashed when more follows: only then it is known that they are not the root's own level.
    if (levels_[level].pending.size() == level_batch_bytes) hash_pending(level);
    Bytes& pending = levels_[level].pending;
    const std::size_t taken = std::min(hashes.size(), level_batch_bytes - pending.size());
    pending.insert(pending.end(), hashes.begin(), hashes.begin() + static_cast<std::ptrdiff_t>(taken));
    hashes = hashes.subspan(taken);
  }
}

/// Hashes the (whole) blocks of `level` that wait, and hands the result to the level above.
void MerkleBuilder::hash_pending(std::size_t level) {
  Bytes blocks = std::move(levels_[level].pending);
  Bytes hashes(blocks.size() / verity_block_size * digest_size(algorithm_));
  hash_adjacent(algorithm_, blocks, verity_block_size, hashes.data());
  if (keep_ == Keep::tree) {
    Bytes& kept = levels_[level].kept;
    kept.insert(kept.end(), blocks.begin(), blocks.end());
  }
  blocks.clear();
  levels_[level].pending = std::move(blocks);  // keeps its capacity
  add(level + 1, hashes);
}

VerityMetadata MerkleBuilder::finish(std::uint64_t size_bytes) {
  assert((levels_.empty() ? 0 : levels_[0].hash_count) == (size_bytes + verity_block_size - 1) / verity_block_size);
  VerityDescriptor descriptor;
  descriptor.hash_algorithm = algorithm_;
  descriptor.data_size = size_bytes;
  for (std::size_t level = 0; level < levels_.size(); ++level) {
    Bytes& pending = levels_[level].pending;
    if (levels_[level].hash_count == 1) {  // the root; an empty file has none and its root hash is zero
      std::copy(pending.begin(), pending.end(), descriptor.root_hash.begin());
      break;
    }
    pending.resize(round_up(pending.size(), verity_block_size));
    hash_pending(level);
  }
  VerityMetadata metadata{take_tree(), {}, hash_descriptor(descriptor)};
  std::ranges::copy(bytes_of(descriptor), metadata.descriptor.begin());
  return metadata;
}

Bytes MerkleBuilder::take_tree() {
  Bytes tree;
  for (auto level = levels_.rbegin(); level != levels_.rend(); ++level) {
    tree.insert(tree.end(), level->kept.begin(), level->kept.end());
    level->kept = {};
  }
  return tree;
}

}  // namespace sealroot
