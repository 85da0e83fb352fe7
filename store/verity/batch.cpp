// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/verity/batch.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "store/core/fd.hpp"
#include "store/verity/hash_messages.hpp"
#include "store/verity/merkle.hpp"

namespace sealroot {

namespace {

std::size_t block_count(const PaddedContent& content) {
  return (content.size_bytes + verity_block_size - 1) / verity_block_size;
}

/// The hashes of all blocks of all contents, one after the other.
Bytes hash_leaves(Algorithm algorithm, std::span<const PaddedContent> contents) {
  std::vector<const std::uint8_t*> blocks;
  for (const PaddedContent& content : contents) {
    assert(content.size_bytes <= small_content_limit);
    for (std::size_t i = 0; i < block_count(content); ++i) blocks.push_back(content.data + i * verity_block_size);
  }
  Bytes hashes(blocks.size() * digest_size(algorithm));
  hash_messages(algorithm, blocks, verity_block_size, hashes.data());
  return hashes;
}

/// Writes the root hash of each content into its descriptor: its only leaf, or the hash of its block of leaves.
void hash_roots(Algorithm algorithm, std::span<const PaddedContent> contents, const std::uint8_t* leaves,
                std::span<VerityDescriptor> descriptors) {
  const auto larger = static_cast<std::size_t>(
      std::ranges::count_if(contents, [](const PaddedContent& content) { return block_count(content) > 1; }));
  Bytes trees(larger * verity_block_size);  // zeroed, as the unused end of a block of hashes is
  std::vector<std::size_t> owners;
  for (std::size_t i = 0; i < contents.size(); ++i) {
    const std::size_t leaves_bytes = block_count(contents[i]) * digest_size(algorithm);
    if (block_count(contents[i]) > 1) {
      std::copy_n(leaves, leaves_bytes, trees.data() + owners.size() * verity_block_size);
      owners.push_back(i);
    } else {
      std::copy_n(leaves, leaves_bytes, descriptors[i].root_hash.data());
    }
    leaves += leaves_bytes;
  }
  Bytes roots(larger * digest_size(algorithm));
  hash_adjacent(algorithm, trees, verity_block_size, roots.data());
  for (std::size_t i = 0; i < owners.size(); ++i) {
    std::copy_n(roots.data() + i * digest_size(algorithm), digest_size(algorithm),
                descriptors[owners[i]].root_hash.data());
  }
}

}  // namespace

std::vector<Digest> measure_batch(Algorithm algorithm, std::span<const PaddedContent> contents) {
  std::vector<VerityDescriptor> descriptors(contents.size());
  for (std::size_t i = 0; i < contents.size(); ++i) {
    descriptors[i].hash_algorithm = algorithm;
    descriptors[i].data_size = contents[i].size_bytes;
  }
  hash_roots(algorithm, contents, hash_leaves(algorithm, contents).data(), descriptors);

  Bytes hashes(contents.size() * digest_size(algorithm));
  hash_adjacent(
      algorithm,
      {reinterpret_cast<const std::uint8_t*>(descriptors.data()), descriptors.size() * sizeof(VerityDescriptor)},
      sizeof(VerityDescriptor), hashes.data());
  std::vector<Digest> digests;
  digests.reserve(contents.size());
  for (std::size_t i = 0; i < contents.size(); ++i) {
    digests.emplace_back(algorithm, ByteView(hashes).subspan(i * digest_size(algorithm)));
  }
  return digests;
}

}  // namespace sealroot
