// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/zstd_reader.hpp"

#include <zstd.h>

#include <algorithm>
#include <new>
#include <string>

#include "store/core/error.hpp"

namespace sealroot {

namespace {

/// 8 MiB, what every decoder must allow (RFC 8878) and more than level 3 uses.
constexpr int max_window_log = 23;

}  // namespace

ZstdReader::ZstdReader(ByteView data) : left_(data), context_(ZSTD_createDCtx()) {
  if (context_ == nullptr) throw std::bad_alloc();
  ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, max_window_log);
}

ZstdReader::~ZstdReader() { ZSTD_freeDCtx(context_); }

std::size_t ZstdReader::read_some(std::span<std::uint8_t> out) {
  ZSTD_outBuffer output{out.data(), out.size(), 0};
  while (output.pos < output.size && (in_frame_ || !left_.empty())) {
    ZSTD_inBuffer input{left_.data(), left_.size(), 0};
    const std::size_t before = output.pos;
    const std::size_t result = ZSTD_decompressStream(context_, &output, &input);
    if (ZSTD_isError(result) != 0) throw Error(Fault::malformed, std::string("zstd: ") + ZSTD_getErrorName(result));
    if (result != 0 && input.pos == 0 && output.pos == before) throw Error(Fault::malformed, "zstd: data ends early");
    in_frame_ = result != 0;
    left_ = left_.subspan(input.pos);
  }
  return output.pos;
}

bool ZstdReader::read(std::span<std::uint8_t> out) {
  const std::size_t got = read_some(out);
  if (got != 0 && got != out.size()) throw Error(Fault::malformed, "zstd: data ends early");
  return got != 0;
}

Bytes unpack_zstd(ByteView data, std::size_t limit_bytes) {
  ZstdReader reader(data);
  Bytes all(std::min<std::size_t>(limit_bytes, 1U << 16));
  std::size_t used = 0;
  while (const std::size_t got = reader.read_some(std::span(all).subspan(used))) {
    used += got;
    if (used < all.size()) continue;
    if (all.size() == limit_bytes) throw Error(Fault::malformed, "more than " + std::to_string(limit_bytes) + " bytes");
    all.resize(std::min(limit_bytes, all.size() * 2));
  }
  all.resize(used);
  return all;
}

}  // namespace sealroot
