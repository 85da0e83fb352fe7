// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// zstd data in memory, decoded piece by piece. Several frames in a row count as one.
#pragma once

#include <memory>
#include <span>

#include "store/core/bytes.hpp"
#include "store/core/fd.hpp"

struct ZSTD_DCtx_s;

namespace sealroot {

class ZstdReader {
 public:
  /// `data` must outlive the reader.
  explicit ZstdReader(ByteView data);
  ~ZstdReader();
  ZstdReader(const ZstdReader&) = delete;
  ZstdReader& operator=(const ZstdReader&) = delete;

  /// Fills `out`, less only at the end; returns how many bytes. Error{malformed}: damaged or cut data.
  std::size_t read_some(std::span<std::uint8_t> out);
  /// Fills `out`; false if there is nothing more. Error{malformed} also for an end before `out` is full.
  bool read(std::span<std::uint8_t> out);

 private:
  ByteView left_;
  ZSTD_DCtx_s* context_;
  bool in_frame_ = false;
};

/// All that `data` holds; Error{malformed} if that is more than `limit_bytes`.
Bytes unpack_zstd(ByteView data, std::size_t limit_bytes);

}  // namespace sealroot
