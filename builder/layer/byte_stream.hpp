// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The seam between the stages that bytes of a layer pass: file -> checked blob -> decompressor -> read-ahead.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "store/core/bytes.hpp"
#include "store/core/fd.hpp"

namespace sealroot {

class ByteStream {
 public:
  virtual ~ByteStream() = default;
  /// The next bytes into `out`, which is not empty; returns how many, 0 only at the end.
  virtual std::size_t read(std::span<std::uint8_t> out) = 0;
};

/// A file that holds a stream's bytes as they are, from its start on.
struct BackingFile {
  std::shared_ptr<const Fd> file;  // null: there is none
  std::uint64_t size_bytes = 0;
};

/// Bytes that come in pieces of the source's choice.
class ChunkSource {
 public:
  virtual ~ChunkSource() = default;
  /// The next piece, valid until the next call; empty at the end.
  virtual ByteView next() = 0;

  /// Where all these bytes can be read too, so that some may be passed over here and read there.
  virtual BackingFile backing_file() const { return {}; }
  /// Passes over the next bytes, at most `size_bytes`; returns how many, none without a backing file.
  virtual std::uint64_t skip(std::uint64_t /*size_bytes*/) { return 0; }
};

/// Reads until `out` is full or the stream ends; returns how many bytes came.
std::size_t read_full(ByteStream& stream, std::span<std::uint8_t> out);

/// An open file from its position on, or `size` bytes of it from `offset` on.
class FileStream final : public ByteStream {
 public:
  explicit FileStream(Fd file) : file_(std::move(file)) {}
  /// `file` must outlive the stream, whose reads do not move its position.
  FileStream(const Fd& file, std::uint64_t offset, std::uint64_t size)
      : range_of_(&file), offset_(offset), left_(size) {}
  std::size_t read(std::span<std::uint8_t> out) override;

 private:
  Fd file_;
  const Fd* range_of_ = nullptr;
  std::uint64_t offset_ = 0;
  std::uint64_t left_ = 0;
};

/// Bytes in memory, which must outlive the stream.
class ViewStream final : public ByteStream {
 public:
  explicit ViewStream(ByteView bytes) : left_(bytes) {}
  std::size_t read(std::span<std::uint8_t> out) override;

 private:
  ByteView left_;
};

/// Hands through what `source` gives and tells `sink` each piece, the end as an empty one.
class TapStream final : public ByteStream {
 public:
  using Sink = std::function<void(ByteView)>;
  TapStream(ByteStream& source, Sink sink) : source_(source), sink_(std::move(sink)) {}
  std::size_t read(std::span<std::uint8_t> out) override;

 private:
  ByteStream& source_;
  Sink sink_;
};

}  // namespace sealroot
