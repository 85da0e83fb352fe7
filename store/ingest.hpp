// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// File contents on their way from a source into the object store: one reader hands them over in order, workers hash
// and write them side by side, each byte once. Memory is bounded by the queue, not by the size of files.
//
//   source thread: begin(size) write(..) write(..) end()  ->  queue  ->  workers: hash + O_TMPFILE + link
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "store/core/bytes.hpp"
#include "store/core/digest.hpp"
#include "store/object_store.hpp"

namespace sealroot {

/// Index of one content in the vector that Ingest::finish() returns.
using ContentId = std::uint32_t;

class Ingest {
 public:
  /// `store` null: digests only, nothing is written. `threads` 0: as many as there are CPUs.
  Ingest(const ObjectStore* store, Algorithm algorithm, unsigned threads = 0);
  ~Ingest();
  Ingest(const Ingest&) = delete;
  Ingest& operator=(const Ingest&) = delete;

  /// Starts the next content; end() must follow before another begin(). Called from one thread.
  /// May throw the first error of a worker (disk full).
  ContentId begin(std::uint64_t size_bytes);
  /// The next bytes of it. Error{malformed} from end() if they don't add up to size_bytes.
  void write(ByteView data);
  void end();

  /// Waits for all work and returns the digests by ContentId; rethrows the first error of a worker. Not durable yet:
  /// Repository::sync() is one syncfs for all.
  std::vector<Digest> finish();

 private:
  class Workers;
  std::unique_ptr<Workers> workers_;
};

}  // namespace sealroot
