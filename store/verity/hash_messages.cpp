// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/verity/hash_messages.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#include <openssl/evp.h>

#include <algorithm>
#include <memory>

#include "store/core/error.hpp"
#include "store/verity/lane_kernels.hpp"

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

#if defined(__x86_64__)

bool has_sha_instructions() {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 && (ebx & (1U << 29)) != 0;
}

/// No lanes for HashVariant::openssl.
LaneKernel lane_kernel(HashVariant variant, Algorithm algorithm) {
  const bool sha256 = algorithm == Algorithm::sha256;
  if (variant == HashVariant::avx512) return sha256 ? avx512_sha256 : avx512_sha512;
  if (variant == HashVariant::avx2) return sha256 ? avx2_sha256 : avx2_sha512;
  return {};
}

#else

bool has_sha_instructions() { return false; }
LaneKernel lane_kernel(HashVariant, Algorithm) { return {}; }

#endif

/// How hash_messages() works on this CPU.
struct Choice {
  HashVariant variant = HashVariant::openssl;
  LaneKernel kernel;
  std::size_t fewest_lanes = 0;  ///< with fewer messages than this OpenSSL is faster than a vector with idle lanes
};

/// One core, 4096-byte blocks, GB/s, of a Sapphire Rapids Xeon (in brackets of a Zen 5 EPYC):
///            OpenSSL with / without SHA instructions   avx2          avx512
///   SHA-256            1.3 (1.8) / 0.36                1.2 (1.7)     2.7 (5.4)
///   SHA-512                    - / 0.5 (1.0)           0.9 (1.35)    2.3 (4.7)
Choice choose(Algorithm algorithm) {
  const bool sha_instructions = algorithm == Algorithm::sha256 && has_sha_instructions();
  HashVariant variant = supported_variants().back();
  if (variant == HashVariant::avx2 && sha_instructions) variant = HashVariant::openssl;
  return {variant, lane_kernel(variant, algorithm), sha_instructions ? std::size_t{8} : std::size_t{3}};
}

const Choice& chosen(Algorithm algorithm) {
  static const Choice sha256 = choose(Algorithm::sha256);
  static const Choice sha512 = choose(Algorithm::sha512);
  return algorithm == Algorithm::sha256 ? sha256 : sha512;
}

void hash_in_lanes(const LaneKernel& kernel, Algorithm algorithm, std::span<const std::uint8_t* const> messages,
                   std::size_t size_bytes, std::uint8_t* hashes) {
  while (!messages.empty()) {
    const std::size_t used = std::min(kernel.lane_count, messages.size());
    kernel.hash(messages.data(), used, size_bytes, hashes);
    hashes += used * digest_size(algorithm);
    messages = messages.subspan(used);
  }
}

}  // namespace

std::vector<HashVariant> supported_variants() {
  std::vector<HashVariant> variants{HashVariant::openssl};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) variants.push_back(HashVariant::avx2);
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")) variants.push_back(HashVariant::avx512);
#endif
  return variants;
}

HashVariant preferred_variant(Algorithm algorithm) { return chosen(algorithm).variant; }

void hash_messages_with(HashVariant variant, Algorithm algorithm, std::span<const std::uint8_t* const> messages,
                        std::size_t size_bytes, std::uint8_t* hashes) {
  const LaneKernel kernel = lane_kernel(variant, algorithm);
  if (kernel.lane_count == 0) return hash_one_by_one(algorithm, messages, size_bytes, hashes);
  hash_in_lanes(kernel, algorithm, messages, size_bytes, hashes);
}

void hash_messages(Algorithm algorithm, std::span<const std::uint8_t* const> messages, std::size_t size_bytes,
                   std::uint8_t* hashes) {
  const Choice& choice = chosen(algorithm);
  std::size_t in_lanes = 0;
  if (choice.kernel.lane_count > 0) {
    const std::size_t left_over = messages.size() % choice.kernel.lane_count;
    in_lanes = left_over < choice.fewest_lanes ? messages.size() - left_over : messages.size();
  }
  hash_in_lanes(choice.kernel, algorithm, messages.first(in_lanes), size_bytes, hashes);
  hash_one_by_one(algorithm, messages.subspan(in_lanes), size_bytes, hashes + in_lanes * digest_size(algorithm));
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
