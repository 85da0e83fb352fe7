// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// What the sources compiled for one x86 instruction set offer; only to be called on a CPU that has it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sealroot {

/// Hashes `used` messages, at most as many as there are lanes, to `hashes`.
using HashLanes = void (*)(const std::uint8_t* const* messages, std::size_t used, std::size_t size_bytes,
                           std::uint8_t* hashes);

struct LaneKernel {
  std::size_t lane_count = 0;
  HashLanes hash = nullptr;
};

extern const LaneKernel avx2_sha256, avx2_sha512;      // 8 and 4 lanes; AVX2
extern const LaneKernel avx512_sha256, avx512_sha512;  // 16 and 8 lanes; AVX-512 F and BW

}  // namespace sealroot
