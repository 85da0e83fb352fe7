// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/listing.hpp"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <memory>

#include "store/core/error.hpp"

namespace sealroot {

namespace {

EntryType type_of_mode(mode_t mode) {
  if (S_ISDIR(mode)) return EntryType::directory;
  if (S_ISREG(mode)) return EntryType::regular;
  return S_ISLNK(mode) ? EntryType::symlink : EntryType::other;
}

/// From the directory itself where it says so; some file systems don't.
EntryType type_of(const Fd& directory, const dirent& entry) {
  switch (entry.d_type) {
    case DT_DIR:
      return EntryType::directory;
    case DT_REG:
      return EntryType::regular;
    case DT_LNK:
      return EntryType::symlink;
    case DT_UNKNOWN:
      break;
    default:
      return EntryType::other;
  }
  struct stat info {};
  if (::fstatat(directory.get(), entry.d_name, &info, AT_SYMLINK_NOFOLLOW) < 0) {
    throw os_error("reading the type of " + quoted(entry.d_name));
  }
  return type_of_mode(info.st_mode);
}

}  // namespace

std::vector<DirectoryEntry> list_directory(const Fd& directory) {
  Fd copy = open_at(directory, ".", O_RDONLY | O_DIRECTORY);  // its own position
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(copy.get()), ::closedir);
  if (!stream) throw os_error("reading a directory");
  copy.release();
  std::vector<DirectoryEntry> entries;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(stream.get());
    if (entry == nullptr) break;
    std::string name = entry->d_name;
    if (name != "." && name != "..") entries.push_back({std::move(name), type_of(directory, *entry)});
  }
  if (errno != 0) throw os_error("reading a directory");
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return entries;
}

std::string read_link(const Fd& directory, const std::string& name) {
  std::array<char, PATH_MAX> target{};
  const ssize_t length = ::readlinkat(directory.get(), name.c_str(), target.data(), target.size());
  if (length < 0) throw os_error("reading symlink " + quoted(name));
  return {target.data(), static_cast<std::size_t>(length)};
}

}  // namespace sealroot
