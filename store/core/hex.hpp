// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Lower-case hexadecimal, the only spelling that names objects. Header only, free of the C++ runtime.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "store/core/bytes.hpp"

namespace sealroot {

/// Of each byte the value as a lower-case hex digit, or -1. A table, as no CPU foretells what digits are letters.
inline constexpr std::array<std::int8_t, 256> hex_values = [] {
  std::array<std::int8_t, 256> values{};
  values.fill(-1);
  for (std::int8_t i = 0; i < 16; ++i) values[static_cast<unsigned char>("0123456789abcdef"[i])] = i;
  return values;
}();

/// Value of one lower-case hex digit, -1 for anything else (upper case included: names are compared as bytes).
constexpr int hex_value(char digit) { return hex_values[static_cast<unsigned char>(digit)]; }

constexpr char hex_digit(unsigned value) { return "0123456789abcdef"[value & 15U]; }

/// Decodes exactly 2 * out.size() lower-case digits; false if `text` is anything else.
constexpr bool hex_decode(std::string_view text, std::span<std::uint8_t> out) {
  if (text.size() != 2 * out.size()) return false;
  int all = 0;  // negative as soon as one is no digit
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = hex_value(text[2 * i]);
    const int low = hex_value(text[2 * i + 1]);
    all |= high | low;
    out[i] = static_cast<std::uint8_t>((high & 15) << 4 | (low & 15));
  }
  return all >= 0;
}

/// Writes 2 * bytes.size() digits to `out`, without a terminator.
constexpr void hex_encode(ByteView bytes, char* out) {
  for (const std::uint8_t byte : bytes) {
    *out++ = hex_digit(byte >> 4);
    *out++ = hex_digit(byte);
  }
}

}  // namespace sealroot
