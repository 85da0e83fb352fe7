// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Many messages of one length hashed side by side. A Merkle tree is made of 4096-byte blocks that don't depend on each
// other, so each vector lane takes a block of its own and lanes never diverge.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "store/core/bytes.hpp"
#include "store/core/digest.hpp"

namespace sealroot {

/// How messages are hashed; later ones need more of the CPU.
enum class HashVariant : std::uint8_t { openssl, avx2, avx512 };

constexpr std::string_view variant_name(HashVariant variant) {
  constexpr std::array<std::string_view, 3> names{"openssl", "avx2", "avx512"};
  return names[static_cast<std::size_t>(variant)];
}

/// What this CPU can do, HashVariant::openssl always among it.
std::vector<HashVariant> supported_variants();

/// What hash_messages() uses on this CPU.
HashVariant preferred_variant(Algorithm algorithm);

/// Writes the hash of each message, one after the other, to `hashes`.
///   messages    start of each message
///   size_bytes  length of every message, a multiple of 128 (the hash block of SHA-512)
///   hashes      digest_size(algorithm) bytes for each message
///   threads     safe
void hash_messages(Algorithm algorithm, std::span<const std::uint8_t* const> messages, std::size_t size_bytes,
                   std::uint8_t* hashes);

/// The same with a given variant, for tests and benchmarks; it must be one of supported_variants().
void hash_messages_with(HashVariant variant, Algorithm algorithm, std::span<const std::uint8_t* const> messages,
                        std::size_t size_bytes, std::uint8_t* hashes);

/// hash_messages() for messages that stand one after the other in `data`, whose length is a multiple of `size_bytes`.
void hash_adjacent(Algorithm algorithm, ByteView data, std::size_t size_bytes, std::uint8_t* hashes);

}  // namespace sealroot
