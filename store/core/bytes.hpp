// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Byte sequences as they pass between the parts, and the little-endian integers of on-disk structures. Header only
// and free of the C++ runtime, so that the pivot can use it too.
#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

namespace sealroot {

/// Bytes somebody else owns, read only.
using ByteView = std::span<const std::uint8_t>;

/// The bytes of `text`, without a terminator.
inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// The same bytes as text; no encoding is implied.
inline std::string_view as_text(ByteView bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

/// The bytes of an on-disk structure. Only types without padding are allowed: padding would leak into digests.
template <typename T>
requires std::has_unique_object_representations_v<T> ByteView bytes_of(const T& object) {
  return {reinterpret_cast<const std::uint8_t*>(&object), sizeof(T)};
}

/// An unsigned integer stored little endian, without alignment.
template <std::unsigned_integral T>
struct Little {
  std::array<std::uint8_t, sizeof(T)> raw{};

  constexpr Little() = default;
  constexpr Little(T value)  // NOLINT: on-disk structs are written like plain integers
      : raw(std::bit_cast<std::array<std::uint8_t, sizeof(T)>>(value)) {
    static_assert(std::endian::native == std::endian::little, "add a byte swap for big-endian hosts");
  }
  constexpr operator T() const { return std::bit_cast<T>(raw); }  // NOLINT
};

using le16 = Little<std::uint16_t>;
using le32 = Little<std::uint32_t>;
using le64 = Little<std::uint64_t>;

/// `value` rounded up to a multiple of `unit`, which is a power of two.
template <std::unsigned_integral T>
constexpr T round_up(T value, std::type_identity_t<T> unit) {
  return (value + unit - 1) & ~(unit - 1);
}

}  // namespace sealroot
