// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// A kernel module as it lies in the image: compressed or not, and only taken if it is ELF.
#include "builder/initramfs/module_file.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace sealroot;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  accepts([&] {
    promise(as_text(unpack_module({data, size}))
                .starts_with("\x7f"
                             "ELF"),
            "a module is an ELF file");
  });
  return 0;
}
