// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/read_pieces.hpp"

#include <unistd.h>

#include <cerrno>

#include "store/core/error.hpp"

namespace sealroot {

void read_pieces(const Fd& file, Bytes& buffer, const std::function<void(ByteView)>& take) {
  for (;;) {
    const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw os_error("reading it");
    if (got == 0) return;
    take(ByteView(buffer).first(static_cast<std::size_t>(got)));
  }
}

std::size_t read_at(const Fd& file, std::span<std::uint8_t> out, std::uint64_t offset) {
  std::size_t filled = 0;
  while (filled < out.size()) {
    const ssize_t got =
        ::pread(file.get(), out.data() + filled, out.size() - filled, static_cast<off_t>(offset + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw os_error("reading it");
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  return filled;
}

}  // namespace sealroot
