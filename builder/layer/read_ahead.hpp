// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// A stream read ahead of its consumer, so that inflating, hashing and parsing one layer overlap. Memory is a ring of
// fixed chunks; each chunk is filled whole, so that what the consumer sees does not depend on timing.
//
//   filler thread: source -> chunk      hasher thread: chunk -> diff ID      consumer: next() -> chunk
#pragma once

#include <memory>
#include <optional>

#include "builder/layer/blob_digest.hpp"
#include "builder/layer/byte_stream.hpp"

namespace sealroot {

class ReadAhead final : public ChunkSource {
 public:
  /// A quarter of it costs a tenth more time: threads wake each other more often.
  static constexpr std::size_t chunk_bytes = 1U << 20;

  /// `source` must outlive this. With `hash` all bytes are hashed on the way. The default of 6 MiB is for a consumer
  /// that works in bursts: with a third of it an inflating thread waits a sixth of the time in all.
  explicit ReadAhead(ByteStream& source, std::optional<Algorithm> hash = std::nullopt, std::size_t chunk_count = 6);
  /// Stops the threads, wherever they are.
  ~ReadAhead() override;
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  /// An error of `source` is thrown here, after everything that came before it.
  ByteView next() override;

  /// The digest of everything, once next() has given the end.
  BlobDigest digest();

 private:
  class Ring;
  std::unique_ptr<Ring> ring_;
};

}  // namespace sealroot
