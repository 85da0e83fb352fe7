// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// File descriptors and the few file operations everybody needs. All take a directory Fd and a relative name; names
// from outside go through the *_beneath functions, which neither leave the directory nor follow links.
#pragma once

#include <fcntl.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "store/core/bytes.hpp"

namespace sealroot {

using Bytes = std::vector<std::uint8_t>;

class [[nodiscard]] Fd {
 public:
  Fd() = default;
  explicit Fd(int number) : number_(number) {}
  Fd(Fd&& other) noexcept : number_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd();
  int get() const { return number_; }
  explicit operator bool() const { return number_ >= 0; }
  int release() {
    const int number = number_;
    number_ = -1;
    return number;
  }

 private:
  int number_ = -1;
};

/// The working directory as a directory argument, for names given on the command line.
const Fd& working_directory();

/// openat(2) for trusted names; O_CLOEXEC is added. Throws Error{missing} if there is no such file, else Error{os}.
Fd open_at(const Fd& directory, const std::string& path, int flags, mode_t mode = 0);
std::optional<Fd> try_open_at(const Fd& directory, const std::string& path, int flags);  // nullopt: no such file

/// openat2(2) with RESOLVE_BENEATH|NO_SYMLINKS|NO_MAGICLINKS, for names from outside.
Fd open_beneath(const Fd& directory, const std::string& path, int flags);
std::optional<Fd> try_open_beneath(const Fd& directory, const std::string& path, int flags);  // nullopt: no such file

/// The rest of the file; Error{malformed} if it holds more than `limit_bytes`.
Bytes read_all(const Fd& file, std::uint64_t limit_bytes = UINT64_MAX);

/// Whole file by name. `path` is only for messages and openat.
Bytes read_file(const Fd& directory, const std::string& path, std::uint64_t limit_bytes = UINT64_MAX);

/// Writes all of `data` at the file position, or at `offset`.
void write_all(const Fd& file, ByteView data);
void write_all_at(const Fd& file, ByteView data, std::uint64_t offset);

/// Creates (never overwrites) a file with these bytes.
void write_new_file(const Fd& directory, const std::string& path, ByteView data, mode_t mode = 0644);

/// mkdirat for each missing directory of a relative path; existing ones are left alone.
void make_directories(const Fd& directory, const std::string& path, mode_t mode = 0755);

}  // namespace sealroot
