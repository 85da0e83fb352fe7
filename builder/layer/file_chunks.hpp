// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// An uncompressed archive in a file: headers are read in small pieces, the contents between them are passed over and
// read by the threads that hash them. So each byte is copied once, to where it is hashed.
#pragma once

#include <array>
#include <functional>
#include <memory>

#include "builder/layer/byte_stream.hpp"

namespace sealroot {

class FileChunks final : public ChunkSource {
 public:
  /// `progress` is told the position about once a MiB.
  FileChunks(BackingFile file, std::function<void(std::uint64_t)> progress);

  ByteView next() override;
  BackingFile backing_file() const override { return file_; }
  std::uint64_t skip(std::uint64_t size_bytes) override;

 private:
  BackingFile file_;
  std::function<void(std::uint64_t)> progress_;
  std::uint64_t position_ = 0;
  std::uint64_t told_ = 0;
  std::array<std::uint8_t, 2048> chunk_{};  // a header with a small PAX record before it and the start of a file
};

}  // namespace sealroot
