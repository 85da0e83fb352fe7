// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/initramfs/module_file.hpp"

#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <functional>
#include <string>

#include "store/core/error.hpp"
#include "tests/catch.hpp"

using namespace sealroot;

namespace {

Bytes module_of(std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * i >> 3);
  const ByteView magic = as_bytes(
      "\x7f"
      "ELF");
  std::copy(magic.begin(), magic.end(), bytes.begin());
  const ByteView signature = as_bytes("~Module signature appended~\n");
  bytes.insert(bytes.end(), signature.begin(), signature.end());
  return bytes;
}

Bytes xz(ByteView in) {
  Bytes out(lzma_stream_buffer_bound(in.size()));
  std::size_t size = 0;
  REQUIRE(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC32, nullptr, in.data(), in.size(), out.data(), &size, out.size()) ==
          LZMA_OK);
  out.resize(size);
  return out;
}

Bytes zstd(ByteView in) {
  Bytes out(ZSTD_compressBound(in.size()));
  out.resize(ZSTD_compress(out.data(), out.size(), in.data(), in.size(), 3));
  return out;
}

Bytes gzip(ByteView in) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  Bytes out(deflateBound(&stream, in.size()) + 64);
  stream.next_in = const_cast<std::uint8_t*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

const std::pair<const char*, Bytes (*)(ByteView)> compressors[] = {{"xz", xz}, {"zstd", zstd}, {"gzip", gzip}};

}  // namespace

TEST_CASE("a module comes out as it was, signature and all, from each format") {
  for (const std::size_t size : {std::size_t{64}, std::size_t{256 << 10}, std::size_t{1000003}}) {
    const Bytes module = module_of(size);
    CHECK(unpack_module(module) == module);
    for (const auto& [name, compress] : compressors) {
      INFO(name << " " << size);
      const bool same = unpack_module(compress(module)) == module;
      CHECK(same);
    }
  }
}

TEST_CASE("a module cut short at any length is malformed") {
  for (const auto& [name, compress] : compressors) {
    const Bytes file = compress(module_of(300));
    for (std::size_t length = 0; length < file.size(); ++length) {
      INFO(name << " " << length);
      CHECK_THROWS_AS(unpack_module(ByteView(file).first(length)), Error);
    }
  }
}

TEST_CASE("what unpacks to more than the limit stops there") {
  const Bytes large(std::size_t{65} << 20, 0);
  for (const auto& [name, compress] : compressors) {
    INFO(name);
    CHECK_THROWS_WITH(unpack_module(compress(large)), has_text("larger than 64 MiB unpacked"));
  }
}

TEST_CASE("what is no ELF file is refused, packed or not") {
  CHECK_THROWS_WITH(unpack_module(as_bytes("hello")), has_text("not a kernel module"));
  CHECK_THROWS_WITH(unpack_module(gzip(as_bytes("hello"))), has_text("not a kernel module"));
  Bytes trailing = gzip(module_of(100));
  trailing.push_back('x');
  CHECK_THROWS_WITH(unpack_module(trailing), has_text("bytes after the compressed data"));
}
