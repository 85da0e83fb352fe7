// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Initramfs archives of UKIs from anyone, and the sealed configuration in them.
#include "builder/initramfs/archive.hpp"

#include "builder/initramfs/sealed_config.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace sealroot;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes(data, size);
  accepts([&] {
    for (const auto& [path, file] : list_initramfs(bytes, [](std::string_view) { return true; })) {
      promise(file.content.empty() || file.content.size() == file.size_bytes, "contents are whole");
    }
  });
  accepts([&] {
    const SealedConfig config = parse_sealed_config(as_text(bytes));
    promise(sealed_config_text(config).size() <= size, "what is read can be written again");
  });
  return 0;
}
