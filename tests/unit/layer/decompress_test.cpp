// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/layer/decompress.hpp"

#include <cstdint>
#include <functional>

#include "compressors.hpp"
#include "store/core/error.hpp"
#include "tests/catch.hpp"
#include "tests/memory_stream.hpp"

using namespace sealroot;

namespace {

std::string unpack(const std::string& data, Compression compression, std::size_t piece = SIZE_MAX,
                   std::size_t out_size = 4096) {
  MemoryStream source(data, piece);
  const auto stream = decompress(source, compression);
  std::string result;
  std::vector<std::uint8_t> buffer(out_size);
  while (const std::size_t got = stream->read(buffer)) result += as_text(ByteView(buffer).first(got));
  return result;
}

struct Format {
  Compression compression;
  std::function<std::string(const std::string&)> pack;
};

const std::vector<Format> formats{{Compression::gzip, [](const std::string& text) { return gzip_member(text); }},
                                  {Compression::zstd, [](const std::string& text) { return zstd_frame(text); }},
                                  {Compression::xz, [](const std::string& text) { return xz_stream(text); }}};

std::string sample(std::size_t size) {
  std::string text;
  for (unsigned x = 1; text.size() < size; x = x * 1664525U + 1013904223U) text += "ab" + std::to_string(x >> 24);
  text.resize(size);
  return text;
}

}  // namespace

TEST_CASE("compressed streams of one or several members give their bytes, however they are cut into pieces") {
  const std::string one = sample(20000);
  const std::string two = sample(333);
  for (const auto& [compression, pack] : formats) {
    const std::string packed = pack(one) + pack("") + pack(two);
    CAPTURE(compression_name(compression));
    CHECK(detect_compression(as_bytes(packed)) == compression);
    for (const std::size_t piece : {std::size_t{1}, std::size_t{5}, std::size_t{1000}, SIZE_MAX}) {
      for (const std::size_t out_size : {std::size_t{1}, std::size_t{777}, std::size_t{65536}}) {
        CHECK(unpack(packed, compression, piece, out_size) == one + two);
      }
    }
    CHECK(unpack(packed + std::string(512, '\0'), compression) == one + two);
  }
  CHECK(unpack("as it is", Compression::none) == "as it is");
  CHECK(detect_compression(as_bytes("plain")) == Compression::none);
  CHECK(detect_compression({}) == Compression::none);
}

TEST_CASE("T11_compressed_streams_cut_anywhere_or_followed_by_garbage_are_refused") {
  const std::string text = sample(500);
  for (const auto& [compression, pack] : formats) {
    const std::string packed = pack(text);
    CAPTURE(compression_name(compression));
    for (std::size_t size = 0; size < packed.size(); ++size) {
      CAPTURE(size);
      CHECK_THROWS_AS(unpack(packed.substr(0, size), compression), Error);
    }
    CHECK_THROWS_WITH(unpack(packed + "garbage", compression), has_text("follow the compressed data"));
    CHECK_THROWS_WITH(unpack(packed + std::string(9, '\0') + packed, compression),
                      has_text("follow the compressed data"));
    std::string damaged = packed;
    damaged[damaged.size() / 2] ^= 0x55;
    CHECK_THROWS_AS(unpack(damaged, compression), Error);
  }
}

TEST_CASE("T12_a_stream_that_expands_without_end_is_stopped") {
  // 2 GiB of zeros in a few hundred KiB: members of 64 MiB, one after the other.
  const std::string member = zstd_frame(std::string(std::size_t{64} << 20, '\0'));
  std::string bomb;
  for (int i = 0; i < 32; ++i) bomb += member;
  MemoryStream source(bomb);
  const auto stream = decompress(source, Compression::zstd);
  std::vector<std::uint8_t> buffer(1U << 20);
  std::uint64_t produced = 0;
  const auto read_all = [&] {
    while (const std::size_t got = stream->read(buffer)) produced += got;
  };
  CHECK_THROWS_WITH(read_all(), has_text("expand to more than 200 times"));
  CHECK(produced <= (std::uint64_t{1} << 30) + buffer.size());
}

TEST_CASE("T12_a_zstd_window_over_128_MiB_is_refused") {
  const std::string text = sample(1000);
  CHECK(unpack(zstd_frame(text, 27), Compression::zstd) == text);
  CHECK_THROWS_WITH(unpack(zstd_frame(text, 28), Compression::zstd), has_text("zstd: "));
}
