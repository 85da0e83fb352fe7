// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Bytes at hand as a stream, in pieces as small as wanted.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "builder/layer/byte_stream.hpp"

namespace sealroot {

class MemoryStream final : public ByteStream {
 public:
  explicit MemoryStream(std::string data, std::size_t piece = SIZE_MAX) : data_(std::move(data)), piece_(piece) {}
  std::size_t read(std::span<std::uint8_t> out) override {
    const std::size_t count = std::min({out.size(), piece_, data_.size() - at_});
    std::copy_n(data_.begin() + static_cast<std::ptrdiff_t>(at_), count, out.begin());
    at_ += count;
    return count;
  }

 private:
  std::string data_;
  std::size_t piece_;
  std::size_t at_ = 0;
};

}  // namespace sealroot
