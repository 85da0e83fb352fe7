// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// A layer that a repository has as splitstream, put together again: the tar as it once came, without fetching and
// decompressing it.
//
// Names in a repository are not proof, whoever can write there can change them. So either all is read again and gives
// the diff ID of the layer (Contents::read), or contents are only looked for (Contents::found) by somebody who compares
// the digest of the image that comes out with a signed one: of a content that is there with its size, and whose digest
// the kernel measures where the file system has fs-verity, the digest alone goes into the image, and zeros stand for it
// in the tar.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "builder/layer/byte_stream.hpp"
#include "store/blob_digest.hpp"
#include "store/repository.hpp"
#include "store/splitstream.hpp"
#include "store/zstd_reader.hpp"

namespace sealroot {

class KnownLayer final : public ByteStream {
 public:
  enum class Contents : std::uint8_t { read, found };

  /// The layer in `repository`, which must outlive it; nullptr if it has none of that diff ID, or a damaged one.
  static std::unique_ptr<KnownLayer> open(const Repository& repository, const BlobDigest& diff_id, Contents contents);

  /// The tar. Error{missing}, {malformed} or {untrusted} where the repository does not have what it should.
  std::size_t read(std::span<std::uint8_t> out) override;

  /// The digest of a content of `size_bytes` bytes that begins at this offset of the tar and was found but not read.
  /// To be asked when its first byte has been read.
  ///   threads  safe, beside read()
  std::optional<Digest> content_at(std::uint64_t offset, std::uint64_t size_bytes) const;

 private:
  struct Found {
    Digest digest;
    std::uint64_t size_bytes;
  };

  KnownLayer(const ObjectStore& store, Bytes file, Contents contents);
  bool next_chunk();
  void open_object(const Digest& digest);

  const ObjectStore& store_;
  Bytes file_;
  Splitstream stream_;
  ZstdReader chunks_;
  Contents contents_;
  std::uint64_t offset_ = 0;
  std::uint64_t left_ = 0;              // of the chunk
  std::optional<FileStream> object_{};  // whose bytes the chunk stands for
  bool zeros_ = false;                  // the chunk stands for an object that was found
  mutable std::mutex mutex_;
  std::map<std::uint64_t, Found> found_;  // by offset
};

}  // namespace sealroot
