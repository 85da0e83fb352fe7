// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Every way to hash that this CPU has, against OpenSSL's one-shot function.
#include "store/verity/hash_messages.hpp"

#include <openssl/evp.h>

#include <random>

#include "store/core/digest_text.hpp"
#include "store/core/fd.hpp"
#include "tests/catch.hpp"

using namespace sealroot;

namespace {

constexpr std::array algorithms{Algorithm::sha256, Algorithm::sha512};

Bytes random_bytes(std::size_t size_bytes) {
  std::mt19937_64 random(size_bytes);
  Bytes data(size_bytes);
  for (std::uint8_t& byte : data) byte = static_cast<std::uint8_t>(random());
  return data;
}

std::string reference(Algorithm algorithm, ByteView message) {
  std::array<std::uint8_t, max_digest_size> hash{};
  EVP_Digest(message.data(), message.size(), hash.data(), nullptr,
             algorithm == Algorithm::sha256 ? EVP_sha256() : EVP_sha512(), nullptr);
  return to_hex(ByteView(hash).first(digest_size(algorithm)));
}

}  // namespace

TEST_CASE("every variant agrees with OpenSSL for any number of messages and lanes left over") {
  for (const HashVariant variant : supported_variants()) {
    for (const Algorithm algorithm : algorithms) {
      for (const std::size_t size_bytes : {std::size_t{128}, std::size_t{256}, verity_block_size}) {
        const Bytes data = random_bytes(67 * size_bytes + 1);
        for (std::size_t count = 0; count <= 67; count += count < 34 ? 1 : 11) {
          INFO(variant_name(variant) << " " << algorithm_name(algorithm) << " " << count << " x " << size_bytes);
          std::vector<const std::uint8_t*> messages;
          // Scattered, backwards and at odd addresses, as contents in a batch may be.
          for (std::size_t i = 0; i < count; ++i) messages.push_back(data.data() + 1 + (66 - i) * size_bytes);
          const std::size_t hash_bytes = digest_size(algorithm);
          Bytes hashes(count * hash_bytes + 1, 0xAA);
          hash_messages_with(variant, algorithm, messages, size_bytes, hashes.data());
          for (std::size_t i = 0; i < count; ++i) {
            REQUIRE(to_hex(ByteView(hashes).subspan(i * hash_bytes, hash_bytes)) ==
                    reference(algorithm, ByteView(messages[i], size_bytes)));
          }
          REQUIRE(hashes.back() == 0xAA);
          Bytes mixed(count * hash_bytes);  // the preferred variant with OpenSSL for lanes left over
          hash_messages(algorithm, messages, size_bytes, mixed.data());
          hashes.pop_back();
          REQUIRE(mixed == hashes);
        }
      }
    }
  }
}

TEST_CASE("the preferred variant is one the CPU has") {
  for (const Algorithm algorithm : algorithms) {
    const std::vector<HashVariant> supported = supported_variants();
    CHECK(std::ranges::find(supported, preferred_variant(algorithm)) != supported.end());
    CHECK(supported.front() == HashVariant::openssl);
  }
}

TEST_CASE("adjacent messages are hashed in their order") {
  const Bytes data = random_bytes(150 * 256);
  Bytes hashes(150 * 32);
  hash_adjacent(Algorithm::sha256, data, 256, hashes.data());
  for (std::size_t i = 0; i < 150; ++i) {
    REQUIRE(to_hex(ByteView(hashes).subspan(i * 32, 32)) ==
            reference(Algorithm::sha256, ByteView(data).subspan(i * 256, 256)));
  }
}
