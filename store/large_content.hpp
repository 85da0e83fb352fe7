// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// One content that does not fit into a batch: its segments are hashed and written by any thread in any order, and the
// one that completes it names the object.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>

#include "store/core/fd.hpp"
#include "store/new_object.hpp"
#include "store/verity/merkle.hpp"

namespace sealroot {

class LargeContent {
 public:
  /// `store` null: measured only. `segment_bytes` is the size of every segment but the last, a multiple of a block.
  LargeContent(const ObjectStore* store, Algorithm algorithm, std::uint64_t size_bytes, std::size_t segment_bytes);

  /// Hashes and writes segment `index`; each is added once. The digest, from the call that completes the content.
  ///   threads  safe
  std::optional<Digest> add_segment(std::uint64_t index, ByteView data);

 private:
  bool add_leaves_in_order(std::uint64_t index, Bytes leaves);

  const ObjectStore* store_;
  Algorithm algorithm_;
  std::uint64_t size_bytes_;
  std::size_t segment_bytes_;
  std::optional<NewObject> object_;  ///< of more than one segment; one segment is written when its digest is known

  std::mutex mutex_;
  MerkleBuilder tree_;
  std::uint64_t next_segment_ = 0;
  std::map<std::uint64_t, Bytes> early_;  ///< leaves of segments behind one that is still hashed; the queue bounds it
};

}  // namespace sealroot
