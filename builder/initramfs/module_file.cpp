// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/initramfs/module_file.hpp"

#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <memory>
#include <new>
#include <string>
#include <string_view>

#include "store/core/error.hpp"

namespace sealroot {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t max_module_size = std::size_t{64} << 20;
constexpr std::size_t chunk_size = std::size_t{256} << 10;
constexpr std::uint64_t max_xz_memory = std::uint64_t{128} << 20;

constexpr std::string_view elf_magic =
    "\x7f"
    "ELF"sv;
constexpr std::string_view xz_magic =
    "\xfd"
    "7zXZ\0"sv;
constexpr std::string_view zstd_magic = "\x28\xb5\x2f\xfd"sv;
constexpr std::string_view gzip_magic = "\x1f\x8b"sv;

Error malformed(const std::string& reason) { return {Fault::malformed, reason}; }

/// Room for the next chunk at the end of `out`. Stops a small file that unpacks without end.
std::span<std::uint8_t> grow(Bytes& out) {
  if (out.size() >= max_module_size) throw malformed("larger than 64 MiB unpacked");
  const std::size_t used = out.size();
  out.resize(used + chunk_size);
  return std::span(out).subspan(used);
}

Bytes unpack_xz(ByteView file) {
  lzma_stream stream = LZMA_STREAM_INIT;
  const std::unique_ptr<lzma_stream, decltype(&lzma_end)> guard(&stream, &lzma_end);
  if (lzma_stream_decoder(&stream, max_xz_memory, LZMA_CONCATENATED) != LZMA_OK) throw std::bad_alloc();
  stream.next_in = file.data();
  stream.avail_in = file.size();
  Bytes out;
  for (lzma_ret result = LZMA_OK; result != LZMA_STREAM_END;) {
    const auto room = grow(out);
    stream.next_out = room.data();
    stream.avail_out = room.size();
    result = lzma_code(&stream, LZMA_FINISH);
    out.resize(out.size() - stream.avail_out);
    if (result != LZMA_OK && result != LZMA_STREAM_END) throw malformed("damaged xz data");
  }
  return out;
}

Bytes unpack_zstd(ByteView file) {
  const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(), &ZSTD_freeDCtx);
  if (!context) throw std::bad_alloc();
  ZSTD_inBuffer in{file.data(), file.size(), 0};
  Bytes out;
  for (std::size_t left = 1; left != 0 || in.pos < in.size;) {
    const auto room = grow(out);
    ZSTD_outBuffer chunk{room.data(), room.size(), 0};
    left = ZSTD_decompressStream(context.get(), &chunk, &in);
    out.resize(out.size() - room.size() + chunk.pos);
    const bool stuck = left != 0 && in.pos == in.size && chunk.pos < chunk.size;
    if (ZSTD_isError(left) != 0 || stuck) throw malformed("damaged zstd data");
  }
  return out;
}

Bytes unpack_gzip(ByteView file) {
  z_stream stream{};
  constexpr int gzip_window_bits = 15 + 16;
  if (inflateInit2(&stream, gzip_window_bits) != Z_OK) throw std::bad_alloc();
  const std::unique_ptr<z_stream, decltype(&inflateEnd)> guard(&stream, &inflateEnd);
  stream.next_in = const_cast<std::uint8_t*>(file.data());  // NOLINT: zlib does not write to it
  stream.avail_in = static_cast<uInt>(file.size());
  Bytes out;
  for (int result = Z_OK; result != Z_STREAM_END;) {
    const auto room = grow(out);
    stream.next_out = room.data();
    stream.avail_out = static_cast<uInt>(room.size());
    result = inflate(&stream, Z_NO_FLUSH);
    out.resize(out.size() - stream.avail_out);
    if (result != Z_OK && result != Z_STREAM_END) throw malformed("damaged gzip data");
  }
  if (stream.avail_in != 0) throw malformed("bytes after the gzip data");
  return out;
}

}  // namespace

Bytes unpack_module(ByteView file) {
  if (file.size() > max_module_size) throw malformed("larger than 64 MiB");
  const std::string_view text = as_text(file);
  Bytes module;
  if (text.starts_with(xz_magic)) {
    module = unpack_xz(file);
  } else if (text.starts_with(zstd_magic)) {
    module = unpack_zstd(file);
  } else if (text.starts_with(gzip_magic)) {
    module = unpack_gzip(file);
  } else {
    module.assign(file.begin(), file.end());
  }
  if (!as_text(module).starts_with(elf_magic)) throw malformed("not a kernel module (plain, xz, zstd or gzip)");
  return module;
}

}  // namespace sealroot
