// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// File contents on their way from a source into the object store: one reader hands them over in order, workers hash
// and write them side by side, each byte once. Memory is bounded by the queue, not by the size of files.
//
//   source thread: begin(size) write(..) write(..) end()  ->  queue  ->  workers: hash + O_TMPFILE + link
//
// The queue holds buffers of 1 MiB: either many small contents, hashed together, or a segment of a large one, so that
// one large file keeps all workers busy.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string_view>
#include <vector>

#include "store/core/bytes.hpp"
#include "store/core/digest.hpp"
#include "store/core/spill_table.hpp"
#include "store/object_store.hpp"

namespace sealroot {

/// Index of one content in the vector that Ingest::finish() returns.
using ContentId = std::uint32_t;

class Ingest {
 public:
  /// `store` null: digests only, nothing is written; else it must outlive this, and has the same algorithm.
  /// `threads` 0: as many as there are CPUs; 1: all work is done on the caller's thread.
  Ingest(const ObjectStore* store, Algorithm algorithm, unsigned threads = 0);
  /// Drops what was not finished; objects that were stored already stay.
  ~Ingest();
  Ingest(const Ingest&) = delete;
  Ingest& operator=(const Ingest&) = delete;

  Algorithm algorithm() const;

  /// Contents whose path `wanted` accepts also stay in memory (16 MiB each, 64 MiB together; larger ones do not): for
  /// those who have no store and still need some. Call before the first begin().
  void keep(std::function<bool(std::string_view path)> wanted);

  /// Starts the next content; end() must follow before another begin(). Called from one thread.
  /// May throw the first error of a worker (disk full), as may write(), end() and finish(); after any error the rest
  /// is dropped and each of them throws it again.
  ContentId begin(std::uint64_t size_bytes, std::string_view path = {});
  /// The next bytes of it. Error{malformed} from end() if they don't add up to size_bytes.
  void write(ByteView data);
  void end();

  /// The same for `size_bytes` of `file` from `offset` on, which the thread that hashes them reads.
  ContentId add_range(std::shared_ptr<const Fd> file, std::uint64_t offset, std::uint64_t size_bytes,
                      std::string_view path = {});

  /// Gives an id to a content that the store has already.
  ContentId add_stored(const Digest& digest);

  /// Drops the content that was begun, if one was, so that another can be: whoever read it gives up on its source.
  void abandon();

  /// Waits for all work and returns the digests by ContentId; rethrows the first error of a worker. Called once, at
  /// the end. Not durable yet: Repository::sync() is one syncfs for all.
  SpillTable<Digest> finish();

  /// What keep() chose; complete after finish().
  std::map<Digest, std::vector<std::uint8_t>> take_kept();

 private:
  class Pipeline;
  std::unique_ptr<Pipeline> pipeline_;
};

}  // namespace sealroot
