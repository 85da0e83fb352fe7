// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/initramfs/unpack.hpp"

#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <memory>
#include <new>
#include <string>
#include <string_view>

#include "store/core/error.hpp"

namespace sealroot {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t chunk_size = std::size_t{256} << 10;
constexpr std::size_t max_input_chunk = std::size_t{1} << 30;  // zlib counts in 32 bits
constexpr std::uint64_t max_xz_memory = std::uint64_t{128} << 20;

constexpr std::string_view xz_magic =
    "\xfd"
    "7zXZ\0"sv;
constexpr std::string_view zstd_magic = "\x28\xb5\x2f\xfd"sv;
constexpr std::string_view gzip_magic = "\x1f\x8b"sv;

Error malformed(const std::string& reason) { return {Fault::malformed, reason}; }

/// Room for the next chunk at the end of `out`. Stops a small file that unpacks without end.
std::span<std::uint8_t> grow(Bytes& out, std::size_t limit) {
  if (out.size() >= limit) throw malformed("larger than " + std::to_string(limit >> 20) + " MiB unpacked");
  const std::size_t used = out.size();
  out.resize(used + chunk_size);
  return std::span(out).subspan(used);
}

Unpacked unpack_xz(ByteView input, std::size_t limit) {
  lzma_stream stream = LZMA_STREAM_INIT;
  const std::unique_ptr<lzma_stream, decltype(&lzma_end)> guard(&stream, &lzma_end);
  if (lzma_stream_decoder(&stream, max_xz_memory, 0) != LZMA_OK) throw std::bad_alloc();
  stream.next_in = input.data();
  stream.avail_in = input.size();
  Bytes out;
  for (lzma_ret result = LZMA_OK; result != LZMA_STREAM_END;) {
    const auto room = grow(out, limit);
    stream.next_out = room.data();
    stream.avail_out = room.size();
    result = lzma_code(&stream, LZMA_RUN);
    out.resize(out.size() - stream.avail_out);
    if (result != LZMA_OK && result != LZMA_STREAM_END) throw malformed("damaged xz data");
  }
  return {std::move(out), input.size() - stream.avail_in};
}

Unpacked unpack_zstd(ByteView input, std::size_t limit) {
  const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(), &ZSTD_freeDCtx);
  if (!context) throw std::bad_alloc();
  ZSTD_inBuffer in{input.data(), input.size(), 0};
  Bytes out;
  for (std::size_t left = 1; left != 0;) {
    const auto room = grow(out, limit);
    ZSTD_outBuffer chunk{room.data(), room.size(), 0};
    left = ZSTD_decompressStream(context.get(), &chunk, &in);
    out.resize(out.size() - room.size() + chunk.pos);
    const bool stuck = left != 0 && in.pos == in.size && chunk.pos < chunk.size;
    if (ZSTD_isError(left) != 0 || stuck) throw malformed("damaged zstd data");
  }
  return {std::move(out), in.pos};
}

Unpacked unpack_gzip(ByteView input, std::size_t limit) {
  z_stream stream{};
  constexpr int gzip_window_bits = 15 + 16;
  if (inflateInit2(&stream, gzip_window_bits) != Z_OK) throw std::bad_alloc();
  const std::unique_ptr<z_stream, decltype(&inflateEnd)> guard(&stream, &inflateEnd);
  std::size_t offered = std::min(input.size(), max_input_chunk);
  stream.next_in = const_cast<std::uint8_t*>(input.data());  // NOLINT: zlib does not write to it
  stream.avail_in = static_cast<uInt>(offered);
  Bytes out;
  for (int result = Z_OK; result != Z_STREAM_END;) {
    if (stream.avail_in == 0) {
      const std::size_t more = std::min(input.size() - offered, max_input_chunk);
      stream.avail_in = static_cast<uInt>(more);
      offered += more;
    }
    const auto room = grow(out, limit);
    stream.next_out = room.data();
    stream.avail_out = static_cast<uInt>(room.size());
    result = inflate(&stream, Z_NO_FLUSH);
    out.resize(out.size() - stream.avail_out);
    if (result != Z_OK && result != Z_STREAM_END) throw malformed("damaged gzip data");
  }
  return {std::move(out), offered - stream.avail_in};
}

}  // namespace

std::optional<Unpacked> try_unpack(ByteView input, std::size_t limit_bytes) {
  const std::string_view text = as_text(input);
  if (text.starts_with(xz_magic)) return unpack_xz(input, limit_bytes);
  if (text.starts_with(zstd_magic)) return unpack_zstd(input, limit_bytes);
  if (text.starts_with(gzip_magic)) return unpack_gzip(input, limit_bytes);
  return std::nullopt;
}

}  // namespace sealroot
