// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The bytes of an image on their way out: written one after the other, handed on in pieces.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <cstring>

#include "builder/image/image.hpp"

namespace sealroot::image {

class Pieces {
 public:
  /// `output` must outlive it.
  explicit Pieces(const ImageOutput& output) : output_(output), piece_(piece_size) {}

  /// Of the next byte, from the start of the image.
  std::uint64_t position() const { return position_; }

  void put(ByteView bytes) {
    while (!bytes.empty()) {
      const std::size_t now = std::min(bytes.size(), piece_.size() - used_);
      std::memcpy(piece_.data() + used_, bytes.data(), now);
      added(now);
      bytes = bytes.subspan(now);
    }
  }

  void fill(std::uint8_t value, std::uint64_t count) {
    while (count > 0) {
      const auto now = static_cast<std::size_t>(std::min<std::uint64_t>(count, piece_.size() - used_));
      std::memset(piece_.data() + used_, value, now);
      added(now);
      count -= now;
    }
  }

  /// Zeros up to there.
  void pad_to(std::uint64_t position) {
    assert(position >= position_);
    fill(0, position - position_);
  }

  /// Hands on what is left, at the end.
  void flush() {
    if (used_ > 0) output_(ByteView(piece_).first(used_));
    used_ = 0;
  }

 private:
  /// As much as VerityHasher takes without a copy.
  static constexpr std::size_t piece_size = std::size_t{1} << 18;

  void added(std::size_t count) {
    used_ += count;
    position_ += count;
    if (used_ == piece_.size()) flush();
  }

  const ImageOutput& output_;
  Bytes piece_;  // what has not gone out yet
  std::size_t used_ = 0;
  std::uint64_t position_ = 0;
};

}  // namespace sealroot::image
