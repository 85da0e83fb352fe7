// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Writes that pass the page cache: no copy, no pages to find and write back later. That is two thirds of what a large
// write costs, and what others have in the cache stays there.
#pragma once

#include <cstddef>
#include <cstdint>

#include "store/core/bytes.hpp"
#include "store/core/fd.hpp"

namespace sealroot {

class DirectFile {
 public:
  /// Blocks of this size and alignment, in memory and in the file, do for all file systems but a few.
  static constexpr std::size_t block_bytes = 4096;

  /// A second descriptor of `file`, which is open for writing. None, if its file system has no O_DIRECT.
  explicit DirectFile(const Fd& file);

  /// Writes the whole blocks that `data` begins with, if memory and `offset` are aligned; returns how many bytes that
  /// were, possibly none. The rest is for the ordinary way, which sees all of it.
  ///   throws   Error{os}: disk full, input/output error
  ///   threads  safe for ranges that don't overlap
  std::size_t write_at(ByteView data, std::uint64_t offset) const;

 private:
  Fd file_;
};

}  // namespace sealroot
