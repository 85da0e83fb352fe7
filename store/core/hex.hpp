// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Lower-case hexadecimal, the only spelling that names objects. Header only, free of the C++ runtime.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "store/core/bytes.hpp"

namespace sealroot {

/// Value of one lower-case hex digit, -1 for anything else (upper case included: names are compared as bytes).
constexpr int hex_value(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  return -1;
}

constexpr char hex_digit(unsigned value) { return "0123456789abcdef"[value & 15U]; }

/// Decodes exactly 2 * out.size() lower-case digits; false if `text` is anything else.
constexpr bool hex_decode(std::string_view text, std::span<std::uint8_t> out) {
  if (text.size() != 2 * out.size()) return false;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = hex_value(text[2 * i]);
    const int low = hex_value(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return true;
}

/// Writes 2 * bytes.size() digits to `out`, without a terminator.
constexpr void hex_encode(ByteView bytes, char* out) {
  for (const std::uint8_t byte : bytes) {
    *out++ = hex_digit(byte >> 4);
    *out++ = hex_digit(byte);
  }
}

}  // namespace sealroot
