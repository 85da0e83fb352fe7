// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/core/fd.hpp"

#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "store/core/error.hpp"

namespace sealroot {

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    if (number_ >= 0) ::close(number_);
    number_ = other.release();
  }
  return *this;
}

Fd::~Fd() {
  if (number_ >= 0) ::close(number_);
}

const Fd& working_directory() {
  static const struct Holder {
    Fd fd{AT_FDCWD};  // negative: never closed
  } holder;
  return holder.fd;
}

namespace {

Error open_error(const std::string& path, int error_number) {
  if (error_number == ENOENT || error_number == ENOTDIR)
    return {Fault::missing, "opening " + quoted(path) + ": no such file"};
  if (error_number == EXDEV) return {Fault::untrusted, "opening " + quoted(path) + ": path leaves its directory"};
  if (error_number == ELOOP)
    return {Fault::untrusted, "opening " + quoted(path) + ": path goes through a symbolic link"};
  return os_error("opening " + quoted(path), error_number);
}

int openat2_beneath(const Fd& directory, const std::string& path, int flags) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  long result = 0;
  do {  // EAGAIN: a rename raced with the kernel's check of "beneath"
    result = ::syscall(SYS_openat2, directory.get(), path.c_str(), &how, sizeof how);
  } while (result < 0 && (errno == EINTR || errno == EAGAIN));
  return static_cast<int>(result);
}

}  // namespace

std::optional<Fd> try_open_at(const Fd& directory, const std::string& path, int flags) {
  Fd file(::openat(directory.get(), path.c_str(), flags | O_CLOEXEC));
  if (file) return file;
  if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
  throw open_error(path, errno);
}

Fd open_at(const Fd& directory, const std::string& path, int flags, mode_t mode) {
  Fd file(::openat(directory.get(), path.c_str(), flags | O_CLOEXEC, mode));
  if (!file) throw open_error(path, errno);
  return file;
}

std::optional<Fd> try_open_beneath(const Fd& directory, const std::string& path, int flags) {
  Fd file(openat2_beneath(directory, path, flags));
  if (file) return file;
  if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
  throw open_error(path, errno);
}

Fd open_beneath(const Fd& directory, const std::string& path, int flags) {
  Fd file(openat2_beneath(directory, path, flags));
  if (!file) throw open_error(path, errno);
  return file;
}

Bytes read_all(const Fd& file, std::uint64_t limit_bytes) {
  constexpr std::size_t step = 1U << 16;
  Bytes data;
  struct stat info {};
  if (::fstat(file.get(), &info) == 0 && S_ISREG(info.st_mode)) {
    data.reserve(std::min(static_cast<std::uint64_t>(info.st_size), limit_bytes) + 1);
  }
  for (;;) {
    const std::size_t filled = data.size();
    data.resize(std::max(data.capacity(), filled + step));
    const ssize_t got = ::read(file.get(), data.data() + filled, data.size() - filled);
    const int error_number = errno;
    data.resize(filled + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0 && error_number == EINTR) continue;
    if (got < 0) throw os_error("reading", error_number);
    if (data.size() > limit_bytes) {
      throw Error(Fault::malformed, "larger than the limit of " + std::to_string(limit_bytes) + " bytes");
    }
    if (got == 0) return data;
  }
}

Bytes read_file(const Fd& directory, const std::string& path, std::uint64_t limit_bytes) {
  const Fd file = open_at(directory, path, O_RDONLY);
  return during(quoted(path), [&] { return read_all(file, limit_bytes); });
}

void write_all(const Fd& file, ByteView data) {
  while (!data.empty()) {
    const ssize_t put = ::write(file.get(), data.data(), data.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) throw os_error("writing");
    data = data.subspan(static_cast<std::size_t>(put));
  }
}

void write_all_at(const Fd& file, ByteView data, std::uint64_t offset) {
  while (!data.empty()) {
    const ssize_t put = ::pwrite(file.get(), data.data(), data.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) throw os_error("writing");
    data = data.subspan(static_cast<std::size_t>(put));
    offset += static_cast<std::uint64_t>(put);
  }
}

void write_new_file(const Fd& directory, const std::string& path, ByteView data, mode_t mode) {
  const Fd file(::openat(directory.get(), path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!file) throw os_error("creating " + quoted(path));
  during(quoted(path), [&] { write_all(file, data); });
}

void make_directories(const Fd& directory, const std::string& path, mode_t mode) {
  for (std::size_t end = 0; end != std::string::npos;) {
    end = path.find('/', end + 1);
    const std::string part = path.substr(0, end);
    if (::mkdirat(directory.get(), part.c_str(), mode) < 0 && errno != EEXIST) {
      throw os_error("creating directory " + quoted(part));
    }
  }
}

}  // namespace sealroot
