// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Hash lanes in 512-bit vectors. Compiled with -mavx512f -mavx512bw.
#include <immintrin.h>

#include "store/verity/lane_kernels.hpp"
#include "store/verity/lanes.hpp"

namespace sealroot {

namespace {

/// vpternlog takes any function of three bits as its truth table; the compiler (g++ 12) does not find it by itself.
struct Avx512Logic {
  template <int truth_table, typename Vector>
  static Vector ternary(Vector x, Vector y, Vector z) {
    return reinterpret_cast<Vector>(_mm512_ternarylogic_epi64(
        reinterpret_cast<__m512i>(x), reinterpret_cast<__m512i>(y), reinterpret_cast<__m512i>(z), truth_table));
  }
  template <typename Vector>
  static Vector xor3(Vector x, Vector y, Vector z) {
    return ternary<0x96>(x, y, z);
  }
  template <typename Vector>
  static Vector choose(Vector x, Vector y, Vector z) {
    return ternary<0xca>(x, y, z);
  }
  template <typename Vector>
  static Vector majority(Vector x, Vector y, Vector z) {
    return ternary<0xe8>(x, y, z);
  }
};

using Sha256Lanes = Lanes<std::uint32_t, 16, Avx512Logic>;
using Sha512Lanes = Lanes<std::uint64_t, 8, Avx512Logic>;

}  // namespace

const LaneKernel avx512_sha256{Sha256Lanes::count, Sha256Lanes::hash};
const LaneKernel avx512_sha512{Sha512Lanes::count, Sha512Lanes::hash};

}  // namespace sealroot
