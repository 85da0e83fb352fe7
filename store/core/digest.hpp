// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The fs-verity digest of a file: the name of every object and the root of the chain of trust. The value type is
// free of the C++ runtime; the functions that hand out std::string are in digest_text.hpp.
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "store/core/bytes.hpp"
#include "store/core/hex.hpp"

namespace sealroot {

/// Hash algorithm of an fs-verity digest; the values are FS_VERITY_HASH_ALG_*. Source: linux/fsverity.h
enum class Algorithm : std::uint8_t { sha256 = 1, sha512 = 2 };

constexpr std::size_t digest_size(Algorithm algorithm) { return algorithm == Algorithm::sha256 ? 32 : 64; }
constexpr std::string_view algorithm_name(Algorithm algorithm) {
  return algorithm == Algorithm::sha256 ? "sha256" : "sha512";
}

inline constexpr std::size_t max_digest_size = 64;

/// log2 of the Merkle tree's block size, everywhere: formats.md knows no other, and the kernel's page size is 4096.
inline constexpr unsigned verity_log_block_size = 12;
inline constexpr std::size_t verity_block_size = std::size_t{1} << verity_log_block_size;

class Digest {
 public:
  /// `value` is digest_size(algorithm) bytes long.
  constexpr Digest(Algorithm algorithm, ByteView value) : algorithm_(algorithm) {
    std::copy_n(value.begin(), digest_size(algorithm), value_.begin());
  }

  /// A digest from its lower-case hex digits; the algorithm follows from their number (64 or 128).
  static constexpr std::optional<Digest> try_parse(std::string_view hex) {
    if (hex.size() != 64 && hex.size() != 128) return std::nullopt;
    const Algorithm algorithm = hex.size() == 64 ? Algorithm::sha256 : Algorithm::sha512;
    std::array<std::uint8_t, max_digest_size> value{};
    if (!hex_decode(hex, std::span(value).first(digest_size(algorithm)))) return std::nullopt;
    return Digest(algorithm, ByteView(value).first(digest_size(algorithm)));
  }

  constexpr Algorithm algorithm() const { return algorithm_; }
  constexpr ByteView bytes() const { return ByteView(value_).first(digest_size(algorithm_)); }

  friend constexpr auto operator<=>(const Digest&, const Digest&) = default;

 private:
  Algorithm algorithm_;
  std::array<std::uint8_t, max_digest_size> value_{};  // zero beyond the algorithm's size
};

}  // namespace sealroot
