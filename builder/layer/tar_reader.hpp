// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The entries of a tar, read by libarchive and checked against TarFraming: where the two disagree, the archive has
// more than one reading and is refused.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "builder/layer/byte_stream.hpp"
#include "builder/tree/tree.hpp"
#include "store/core/bytes.hpp"

namespace sealroot {

struct TarEntry {
  enum class Type { file, hard_link, symlink, character_device, block_device, directory, fifo };
  Type type = Type::file;
  std::string path;         // as in the archive
  std::string link_target;  // of hard links and symbolic links
  Metadata metadata;
  std::uint64_t size = 0;         // of a file, holes included
  std::uint32_t rdev = 0;         // as the kernel's new_encode_dev packs it
  std::uint64_t offset = 0;       // of the first record
  std::uint64_t data_offset = 0;  // where a file's bytes stand in the archive; 0: they are in pieces
};

/// Consecutive bytes of a file; what lies between two pieces is zeros.
struct TarData {
  std::uint64_t offset = 0;
  ByteView bytes;
};

class TarReader {
 public:
  /// `stream` must outlive the reader.
  explicit TarReader(ChunkSource& stream);
  ~TarReader();
  TarReader(const TarReader&) = delete;
  TarReader& operator=(const TarReader&) = delete;

  /// The next entry, valid until the next call; null at the end, when the whole stream has been read and checked.
  const TarEntry* next();

  /// The next piece of the current entry's data; nullopt at its end.
  std::optional<TarData> next_data();

 private:
  class Archive;
  std::unique_ptr<Archive> archive_;
  TarEntry entry_;
};

}  // namespace sealroot
