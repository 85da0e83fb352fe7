// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// A figure to be able to quote: how many single bits were changed in objects, and how many of those went unnoticed.
// SEALROOT_EXHAUSTIVE=1 changes more than ten million.
#include <cstdlib>
#include <iostream>
#include <random>
#include <vector>

#include "store/verity/batch.hpp"
#include "store/verity/verity_hasher.hpp"
#include "tests/catch.hpp"

using namespace sealroot;

namespace {

/// How many of the contents that differ from `content` in one bit have its digest; each bit is tried.
std::size_t accepted_flips(Algorithm algorithm, const Bytes& content) {
  constexpr std::size_t copy_count = 128;
  const Digest digest = measure_bytes(algorithm, content);
  const std::size_t copy_size = round_up(content.size(), verity_block_size);
  Bytes copies(copy_count * copy_size);
  std::vector<PaddedContent> padded;
  for (std::size_t copy = 0; copy < copy_count; ++copy) {
    std::copy(content.begin(), content.end(), copies.begin() + static_cast<std::ptrdiff_t>(copy * copy_size));
    padded.push_back({copies.data() + copy * copy_size, content.size()});
  }
  std::size_t accepted = 0;
  for (std::size_t first = 0; first < 8 * content.size(); first += copy_count) {
    const std::size_t used = std::min(copy_count, 8 * content.size() - first);
    const auto flip = [&](std::size_t copy) {
      copies[copy * copy_size + (first + copy) / 8] ^= static_cast<std::uint8_t>(1U << (first + copy) % 8);
    };
    for (std::size_t copy = 0; copy < used; ++copy) flip(copy);
    for (const Digest& changed : measure_batch(algorithm, std::span(padded).first(used))) accepted += changed == digest;
    for (std::size_t copy = 0; copy < used; ++copy) flip(copy);
  }
  return accepted;
}

}  // namespace

TEST_CASE("R1_no_changed_bit_leaves_the_digest_as_it_was") {
  const std::size_t wanted_bits = std::getenv("SEALROOT_EXHAUSTIVE") != nullptr ? 10'000'000 : 100'000;
  std::mt19937 random(1);
  std::size_t bits = 0;
  std::size_t accepted = 0;
  for (std::size_t round = 0; bits < wanted_bits; ++round) {
    Bytes content(1 + random() % (2 * verity_block_size));
    for (std::uint8_t& byte : content) byte = static_cast<std::uint8_t>(random());
    accepted += accepted_flips(round % 2 == 0 ? Algorithm::sha256 : Algorithm::sha512, content);
    bits += 8 * content.size();
  }
  std::cout << "bits flipped in objects: " << bits << ", accepted: " << accepted << '\n';
  CHECK(accepted == 0);
}
