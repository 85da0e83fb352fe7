// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// How fast each variant hashes on one core, to check the choice in hash_messages.cpp: unit_verity "[benchmark]".
#include <chrono>
#include <iomanip>
#include <iostream>

#include "store/core/fd.hpp"
#include "store/verity/hash_messages.hpp"
#include "tests/catch.hpp"

using namespace sealroot;

namespace {

/// The best of several runs: other load on the machine only ever slows one down.
double gigabytes_per_second(HashVariant variant, Algorithm algorithm) {
  const Bytes data(std::size_t{4} << 20, 0x5a);
  std::vector<const std::uint8_t*> blocks;
  for (std::size_t i = 0; i < data.size(); i += verity_block_size) blocks.push_back(data.data() + i);
  Bytes hashes(blocks.size() * digest_size(algorithm));
  double best = 0;
  for (int run = 0; run < 10; ++run) {
    const auto start = std::chrono::steady_clock::now();
    hash_messages_with(variant, algorithm, blocks, verity_block_size, hashes.data());
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    best = std::max(best, static_cast<double>(data.size()) / seconds.count() / 1e9);
  }
  return best;
}

}  // namespace

TEST_CASE("GB/s of each variant", "[.][benchmark]") {
  for (const Algorithm algorithm : {Algorithm::sha256, Algorithm::sha512}) {
    for (const HashVariant variant : supported_variants()) {
      std::cout << algorithm_name(algorithm) << ' ' << variant_name(variant) << ' ' << std::fixed
                << std::setprecision(2) << gigabytes_per_second(variant, algorithm) << '\n';
    }
    std::cout << algorithm_name(algorithm) << " preferred: " << variant_name(preferred_variant(algorithm)) << '\n';
  }
}
