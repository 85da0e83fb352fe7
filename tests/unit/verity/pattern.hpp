// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The contents that tests/golden/fsverity.tsv is about.
#pragma once

#include <cstddef>

#include "store/core/fd.hpp"

namespace sealroot {

/// `size_bytes` bytes, of which byte i is (31 i + 7) mod 256.
inline Bytes pattern(std::size_t size_bytes) {
  Bytes data(size_bytes);
  for (std::size_t i = 0; i < size_bytes; ++i) data[i] = static_cast<std::uint8_t>(i * 31 + 7);
  return data;
}

}  // namespace sealroot
