// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/initramfs/compress.hpp"

#include <zstd.h>

#include "tests/catch.hpp"

using namespace sealroot;

TEST_CASE("a compressed initramfs unpacks to the same, is aligned and equal each time") {
  for (std::size_t size = 1000; size < 1010; ++size) {
    Bytes archive(size);
    for (std::size_t i = 0; i < size; ++i) archive[i] = static_cast<std::uint8_t>(i * 7);
    const Bytes packed = compress_initramfs(archive);
    CHECK(packed.size() % 4 == 0);
    CHECK(compress_initramfs(archive) == packed);
    const std::size_t frame = ZSTD_findFrameCompressedSize(packed.data(), packed.size());
    CHECK(packed.size() - frame < 4);
    Bytes unpacked(size + 100);
    unpacked.resize(ZSTD_decompress(unpacked.data(), unpacked.size(), packed.data(), frame));
    CHECK(unpacked == archive);
  }
}

TEST_CASE("the kernel's configuration says whether it unpacks zstd") {
  CHECK(unpacks_zstd("A=1\nCONFIG_RD_ZSTD=y\nB=2\n"));
  CHECK(unpacks_zstd("CONFIG_RD_ZSTD=y"));
  CHECK_FALSE(unpacks_zstd("# CONFIG_RD_ZSTD is not set\nXCONFIG_RD_ZSTD=y\nCONFIG_RD_ZSTD=yes\n"));
  CHECK_FALSE(unpacks_zstd(""));
}
