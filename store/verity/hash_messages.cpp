// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/verity/hash_messages.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>

#include "store/core/error.hpp"

namespace sealroot {

namespace {

struct ContextDeleter {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

/// Looked up once: OpenSSL 3 otherwise searches its providers for every hash, which costs as much as hashing 1 KiB.
const EVP_MD* fetched_algorithm(Algorithm algorithm) {
  static const EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  static const EVP_MD* const sha512 = EVP_MD_fetch(nullptr, "SHA512", nullptr);
  return algorithm == Algorithm::sha256 ? sha256 : sha512;
}

void hash_one_by_one(Algorithm algorithm, std::span<const std::uint8_t* const> messages, std::size_t size_bytes,
                     std::uint8_t* hashes) {
  thread_local const std::unique_ptr<EVP_MD_CTX, ContextDeleter> context(EVP_MD_CTX_new());
  for (const std::uint8_t* message : messages) {
    if (EVP_DigestInit_ex2(context.get(), fetched_algorithm(algorithm), nullptr) != 1 ||
        EVP_DigestUpdate(context.get(), message, size_bytes) != 1 ||
        EVP_DigestFinal_ex(context.get(), hashes, nullptr) != 1) {
      throw Error(Fault::os, "hashing with OpenSSL: the library refuses " + std::string(algorithm_name(algorithm)));
    }
    hashes += digest_size(algorithm);
  }
}

}  // namespace

std::vector<HashVariant> supported_variants() { return {HashVariant::openssl}; }

HashVariant preferred_variant(Algorithm) { return HashVariant::openssl; }

void hash_messages_with(HashVariant, Algorithm algorithm, std::span<const std::uint8_t* const> messages,
                        std::size_t size_bytes, std::uint8_t* hashes) {
  hash_one_by_one(algorithm, messages, size_bytes, hashes);
}

void hash_messages(Algorithm algorithm, std::span<const std::uint8_t* const> messages, std::size_t size_bytes,
                   std::uint8_t* hashes) {
  hash_messages_with(preferred_variant(algorithm), algorithm, messages, size_bytes, hashes);
}

void hash_adjacent(Algorithm algorithm, ByteView data, std::size_t size_bytes, std::uint8_t* hashes) {
  std::array<const std::uint8_t*, 64> messages{};
  while (!data.empty()) {
    const std::size_t count = std::min(messages.size(), data.size() / size_bytes);
    for (std::size_t i = 0; i < count; ++i) messages[i] = data.data() + i * size_bytes;
    hash_messages(algorithm, std::span(messages).first(count), size_bytes, hashes);
    hashes += count * digest_size(algorithm);
    data = data.subspan(count * size_bytes);
  }
}

}  // namespace sealroot
