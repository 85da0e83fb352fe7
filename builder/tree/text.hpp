// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Names, contents and values of a tree.
#pragma once

#include <compare>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "store/core/spill_memory.hpp"

namespace sealroot {

/// Bytes of any number below 2^32 that take the room of a pointer where they are none. Copies are copies of the bytes.
class Text {
 public:
  Text() = default;
  Text(std::string_view bytes) : start_(copy_of(bytes)) {}
  Text(const std::string& bytes) : Text(std::string_view(bytes)) {}
  Text(const char* bytes) : Text(std::string_view(bytes)) {}
  Text(const Text& other) : Text(other.view()) {}
  Text(Text&& other) noexcept : start_(std::exchange(other.start_, nullptr)) {}
  Text& operator=(const Text& other) { return *this = Text(other); }
  Text& operator=(Text&& other) noexcept {
    std::swap(start_, other.start_);
    return *this;
  }
  ~Text() {
    if (start_ != nullptr) free_spillable(start_, header_size + size(), alignof(std::uint32_t));
  }

  bool empty() const { return start_ == nullptr; }
  std::size_t size() const {
    std::uint32_t size = 0;
    if (start_ != nullptr) std::memcpy(&size, start_, header_size);
    return size;
  }
  std::string_view view() const {
    return start_ == nullptr ? std::string_view{} : std::string_view(start_ + header_size, size());
  }
  operator std::string_view() const { return view(); }
  const char* begin() const { return view().data(); }
  const char* end() const { return view().data() + size(); }
  bool starts_with(std::string_view prefix) const { return view().starts_with(prefix); }

  Text& operator+=(std::string_view more) { return *this = Text(std::string(view()).append(more)); }

  friend std::string operator+(std::string left, const Text& right) { return std::move(left.append(right.view())); }
  friend bool operator==(const Text& left, const Text& right) { return left.view() == right.view(); }
  friend auto operator<=>(const Text& left, const Text& right) { return left.view() <=> right.view(); }
  template <std::convertible_to<std::string_view> T>
  friend bool operator==(const Text& left, const T& right) {
    return left.view() == std::string_view(right);
  }

 private:
  static constexpr std::size_t header_size = sizeof(std::uint32_t);

  static char* copy_of(std::string_view bytes) {
    if (bytes.empty()) return nullptr;
    const auto size = static_cast<std::uint32_t>(bytes.size());
    auto* const start = static_cast<char*>(allocate_spillable(header_size + size, alignof(std::uint32_t)));
    std::memcpy(start, &size, header_size);
    std::memcpy(start + header_size, bytes.data(), size);
    return start;
  }

  char* start_ = nullptr;  // of the size, which the bytes follow
};

}  // namespace sealroot
