// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/initramfs/compress.hpp"

#include <zstd.h>

#include <algorithm>
#include <memory>
#include <string>

#include "store/core/error.hpp"

namespace sealroot {
namespace {

constexpr int level = 9;
constexpr std::size_t alignment = 4;  // the kernel looks for the next archive at a multiple of it

}  // namespace

bool unpacks_zstd(std::string_view kernel_config) {
  while (!kernel_config.empty()) {
    const std::string_view line = kernel_config.substr(0, kernel_config.find('\n'));
    if (line == "CONFIG_RD_ZSTD=y") return true;
    kernel_config.remove_prefix(std::min(line.size() + 1, kernel_config.size()));
  }
  return false;
}

Bytes compress_initramfs(ByteView archive) {
  const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(), &ZSTD_freeCCtx);
  if (!context) throw std::bad_alloc();
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  Bytes out(ZSTD_compressBound(archive.size()));
  const std::size_t size = ZSTD_compress2(context.get(), out.data(), out.size(), archive.data(), archive.size());
  if (ZSTD_isError(size) != 0) throw Error(Fault::os, std::string("initramfs: zstd: ") + ZSTD_getErrorName(size));
  out.resize(size);
  out.resize(round_up(size, alignment), 0);
  return out;
}

}  // namespace sealroot
