// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/layer/byte_stream.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "store/core/error.hpp"

namespace sealroot {

std::size_t read_full(ByteStream& stream, std::span<std::uint8_t> out) {
  std::size_t filled = 0;
  while (filled < out.size()) {
    const std::size_t got = stream.read(out.subspan(filled));
    if (got == 0) break;
    filled += got;
  }
  return filled;
}

std::size_t FileStream::read(std::span<std::uint8_t> out) {
  const auto wanted = range_of_ == nullptr ? out.size() : std::min<std::uint64_t>(out.size(), left_);
  if (wanted == 0) return 0;
  for (;;) {
    const ssize_t got = range_of_ == nullptr
                            ? ::read(file_.get(), out.data(), wanted)
                            : ::pread(range_of_->get(), out.data(), wanted, static_cast<off_t>(offset_));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw os_error("reading");
    offset_ += static_cast<std::uint64_t>(got);
    left_ -= std::min(left_, static_cast<std::uint64_t>(got));
    return static_cast<std::size_t>(got);
  }
}

std::size_t ViewStream::read(std::span<std::uint8_t> out) {
  const std::size_t count = std::min(out.size(), left_.size());
  std::copy_n(left_.begin(), count, out.begin());
  left_ = left_.subspan(count);
  return count;
}

std::size_t TapStream::read(std::span<std::uint8_t> out) {
  const std::size_t got = source_.read(out);
  sink_(ByteView(out).first(got));
  return got;
}

}  // namespace sealroot
