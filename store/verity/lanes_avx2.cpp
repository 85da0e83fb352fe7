// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Hash lanes in 256-bit vectors. Compiled with -mavx2.
#include "store/verity/lane_kernels.hpp"
#include "store/verity/lanes.hpp"

namespace sealroot {

namespace {

struct Avx2Logic {
  template <typename Vector>
  static Vector xor3(Vector x, Vector y, Vector z) {
    return x ^ y ^ z;
  }
  template <typename Vector>
  static Vector choose(Vector x, Vector y, Vector z) {
    return z ^ (x & (y ^ z));
  }
  template <typename Vector>
  static Vector majority(Vector x, Vector y, Vector z) {
    return y ^ ((x ^ y) & (y ^ z));
  }
};

using Sha256Lanes = Lanes<std::uint32_t, 8, Avx2Logic>;
using Sha512Lanes = Lanes<std::uint64_t, 4, Avx2Logic>;

}  // namespace

const LaneKernel avx2_sha256{Sha256Lanes::count, Sha256Lanes::hash};
const LaneKernel avx2_sha512{Sha512Lanes::count, Sha512Lanes::hash};

}  // namespace sealroot
