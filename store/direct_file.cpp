// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/direct_file.hpp"

#include <unistd.h>

#include <cerrno>
#include <string>

#include "store/core/error.hpp"

namespace sealroot {

DirectFile::DirectFile(const Fd& file)
    : file_(::open(("/proc/self/fd/" + std::to_string(file.get())).c_str(), O_WRONLY | O_DIRECT | O_CLOEXEC)) {}

std::size_t DirectFile::write_at(ByteView data, std::uint64_t offset) const {
  const std::size_t whole = data.size() - data.size() % block_bytes;
  const bool aligned = reinterpret_cast<std::uintptr_t>(data.data()) % block_bytes == 0 && offset % block_bytes == 0;
  if (!file_ || !aligned || whole == 0) return 0;
  const ssize_t written = ::pwrite(file_.get(), data.data(), whole, static_cast<off_t>(offset));
  if (written >= 0) return static_cast<std::size_t>(written);
  // What a file system says that wants other alignments.
  if (errno == EINVAL) return 0;
  throw os_error("writing");
}

}  // namespace sealroot
