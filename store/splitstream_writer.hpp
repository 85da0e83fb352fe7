// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Makes splitstreams (splitstream_format.hpp). The body is written while its bytes pass, when the digests of the
// objects in it are not known yet: chunk N of an object is simply object ref N, so that an object that stands in a
// stream twice is listed twice.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "store/core/bytes.hpp"
#include "store/core/digest.hpp"
#include "store/core/fd.hpp"

namespace sealroot {

class SplitstreamBody {
 public:
  SplitstreamBody();
  ~SplitstreamBody();
  SplitstreamBody(SplitstreamBody&&) noexcept;
  SplitstreamBody& operator=(SplitstreamBody&&) noexcept;

  /// The next bytes of the stream. Memory holds them compressed.
  void write(ByteView data);
  /// An object's `size_bytes` bytes are the next of the stream.
  void write_object(std::uint64_t size_bytes);

  std::uint64_t size_bytes() const { return size_bytes_; }
  std::uint64_t object_count() const { return object_count_; }
  /// Of what has been compressed so far.
  std::size_t compressed_bytes() const;

  /// The compressed chunks. Called once; no writes after it.
  Bytes finish();

 private:
  class Compressor;

  void flush(std::size_t count);

  std::unique_ptr<Compressor> compressor_;
  Bytes pending_;  // bytes of a chunk whose length is not known yet
  std::uint64_t size_bytes_ = 0;
  std::uint64_t object_count_ = 0;
};

/// Names and what they stand for, in the order in which the stream refs list them.
using NamedRefs = std::vector<std::pair<std::string, Digest>>;

/// A whole splitstream. `objects` has one digest for each write_object() of the body.
Bytes make_splitstream(Algorithm algorithm, std::uint64_t content_type, const NamedRefs& refs,
                       const std::vector<Digest>& objects, SplitstreamBody body);

}  // namespace sealroot
