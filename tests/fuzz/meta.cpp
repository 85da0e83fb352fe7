// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// meta.json of a repository, which others may have written.
#include "store/meta.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace sealroot;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  accepts([&] { parse_meta({data, size}); });
  return 0;
}
