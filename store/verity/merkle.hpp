// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The fs-verity Merkle tree above the hashes of a file's blocks, built from the bottom while they come in, in memory
// that grows with the height of the tree only.
//
//   descriptor -> digest           256 bytes: algorithm, size of the file, root hash
//       root hash
//   top level: 1 block             4096 bytes = 128 (SHA-256) or 64 (SHA-512) hashes, the last block zero padded
//   ...
//   bottom level                   the hash of each 4096-byte block of the file
//
// Source: https://docs.kernel.org/filesystems/fsverity.html, fs/verity/enable.c
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "store/core/bytes.hpp"
#include "store/core/digest.hpp"
#include "store/core/fd.hpp"

namespace sealroot {

/// fsverity_descriptor of linux/fsverity.h.
struct VerityDescriptor {
  std::uint8_t version = 1;
  Algorithm hash_algorithm{};
  std::uint8_t log_blocksize = verity_log_block_size;
  std::uint8_t salt_size = 0;
  std::array<std::uint8_t, 4> reserved_0x04{};
  le64 data_size;
  std::array<std::uint8_t, max_digest_size> root_hash{};
  std::array<std::uint8_t, 32> salt{};
  std::array<std::uint8_t, 144> reserved{};
};
static_assert(sizeof(VerityDescriptor) == 256 && alignof(VerityDescriptor) == 1);
static_assert(std::has_unique_object_representations_v<VerityDescriptor>);

/// What a file system stores beside the data of a sealed file.
struct VerityMetadata {
  Bytes tree;  ///< all levels, the top one first, whole blocks; empty for a file of at most one block
  std::array<std::uint8_t, sizeof(VerityDescriptor)> descriptor{};
  Digest digest;
};

/// Whether the blocks of the tree are kept for VerityMetadata::tree, 0.8 % (SHA-512: 1.6 %) of the file's size.
enum class Keep : std::uint8_t { digest, tree };

class MerkleBuilder {
 public:
  explicit MerkleBuilder(Algorithm algorithm, Keep keep = Keep::digest) : algorithm_(algorithm), keep_(keep) {}

  /// Hashes of the file's next blocks, in order; a multiple of digest_size(algorithm) bytes.
  void add_leaves(ByteView hashes) { add(0, hashes); }

  /// The result for a file of `size_bytes`, whose leaves have all been added. Called once, at the end.
  VerityMetadata finish(std::uint64_t size_bytes);

 private:
  struct Level {
    Bytes pending;  ///< hashes whose block is not yet hashed
    Bytes kept;     ///< blocks that are, with Keep::tree
    std::uint64_t hash_count = 0;
  };

  void add(std::size_t level, ByteView hashes);
  void hash_pending(std::size_t level);
  Bytes take_tree();

  Algorithm algorithm_;
  Keep keep_;
  std::vector<Level> levels_;
};

}  // namespace sealroot
