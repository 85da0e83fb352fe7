// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/initramfs/module_file.hpp"

#include <string>
#include <string_view>

#include "builder/initramfs/unpack.hpp"
#include "store/core/error.hpp"

namespace sealroot {
namespace {

constexpr std::size_t max_module_size = std::size_t{64} << 20;

constexpr std::string_view elf_magic =
    "\x7f"
    "ELF";

Error malformed(const std::string& reason) { return {Fault::malformed, reason}; }

}  // namespace

Bytes unpack_module(ByteView file) {
  if (file.size() > max_module_size) throw malformed("larger than 64 MiB");
  Bytes module;
  for (ByteView rest = file; !rest.empty();) {
    const auto unpacked = try_unpack(rest, max_module_size - module.size());
    if (!unpacked && rest.size() < file.size()) throw malformed("bytes after the compressed data");
    const ByteView part = unpacked ? ByteView(unpacked->content) : rest;
    module.insert(module.end(), part.begin(), part.end());
    rest = rest.subspan(unpacked ? unpacked->consumed : rest.size());
  }
  if (!as_text(module).starts_with(elf_magic)) throw malformed("not a kernel module (plain, xz, zstd or gzip)");
  return module;
}

}  // namespace sealroot
