// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Text in a fixed buffer: paths, mount options and messages of a program that has no heap.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "store/core/bytes.hpp"
#include "store/core/hex.hpp"

namespace sealroot {

/// Up to `Capacity` bytes and a terminator. What does not fit is cut off: callers size the buffer so that a path or an
/// option always fits, and a message that is cut is still a message.
template <std::size_t Capacity>
class Text {
 public:
  constexpr Text() = default;
  constexpr Text(std::initializer_list<std::string_view> parts) {
    for (const std::string_view part : parts) append(part);
  }

  constexpr Text& append(std::string_view more) {
    for (const char byte : more) {
      if (size_ == Capacity) break;
      bytes_[size_++] = byte;
    }
    bytes_[size_] = '\0';
    return *this;
  }

  constexpr Text& append_number(std::uint64_t value) {
    std::array<char, 20> digits{};
    std::size_t count = 0;
    do digits[count++] = static_cast<char>('0' + value % 10);
    while ((value /= 10) != 0);
    while (count > 0) append(std::string_view(&digits[--count], 1));
    return *this;
  }

  constexpr Text& append_hex(ByteView value) {
    for (const std::uint8_t byte : value) {
      const std::array<char, 2> pair{hex_digit(byte >> 4), hex_digit(byte)};
      append(std::string_view(pair.data(), pair.size()));
    }
    return *this;
  }

  constexpr std::string_view view() const { return {bytes_.data(), size_}; }
  constexpr const char* c_str() const { return bytes_.data(); }

 private:
  std::array<char, Capacity + 1> bytes_{};
  std::size_t size_ = 0;
};

/// A path inside the boot environment; the longest we make is state/deploy/<128 digits>/etc/upper.
using Path = Text<255>;

/// Why something was refused, without the `FATAL:` in front.
using Reason = Text<767>;

/// The path by which mount options can name an open file without looking its name up again.
inline Path descriptor_path(int fd) { return Path({"/proc/self/fd/"}).append_number(static_cast<std::uint64_t>(fd)); }

}  // namespace sealroot
