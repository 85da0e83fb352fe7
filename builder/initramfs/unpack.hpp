// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// One compressed stream at the start of some bytes, as kernel modules and initramfs archives are made of them.
#pragma once

#include <cstddef>
#include <optional>

#include "store/core/bytes.hpp"
#include "store/core/fd.hpp"

namespace sealroot {

struct Unpacked {
  Bytes content;
  std::size_t consumed = 0;  // bytes of the input that it came from; at least 1
};

/// Unpacks the xz, zstd or gzip stream that `input` begins with; nullopt if it begins with none. What follows the
/// stream is left alone.
///   throws  Error{malformed}: damaged, or it unpacks to more than `limit_bytes`
std::optional<Unpacked> try_unpack(ByteView input, std::size_t limit_bytes);

}  // namespace sealroot
