// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The fs-verity digest of bytes that arrive in pieces of any size, and of bytes at hand.
#pragma once

#include "store/verity/merkle.hpp"

namespace sealroot {

class VerityHasher {
 public:
  explicit VerityHasher(Algorithm algorithm, Keep keep = Keep::digest);

  void update(ByteView data);

  /// Digest of all bytes so far. Called once, at the end.
  Digest finish() { return finish_metadata().digest; }

  /// The same with what an offline disk writer stores beside the data; the tree only with Keep::tree.
  VerityMetadata finish_metadata();

 private:
  void add_blocks(ByteView blocks);

  Algorithm algorithm_;
  MerkleBuilder tree_;
  Bytes pending_;  ///< less than one batch of blocks
  std::uint64_t size_bytes_ = 0;
};

/// fs-verity digest of a file that holds `content`: 4096-byte blocks, no salt.
Digest measure_bytes(Algorithm algorithm, ByteView content);

}  // namespace sealroot
