// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/repository.hpp"

#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/listing.hpp"
#include "store/temporary_name.hpp"
#include "store/verity/kernel.hpp"

namespace sealroot {

namespace {

constexpr std::uint64_t meta_size_limit = 64 << 10;

void lock_shared(const Fd& directory) {
  while (::flock(directory.get(), LOCK_SH) < 0) {
    if (errno != EINTR) throw os_error("locking the repository");
  }
}

/// The directories of a repository, each behind the one it is in.
constexpr std::array<std::string_view, 5> new_directories{"objects", "images", "images/refs", "streams",
                                                          "streams/refs"};

/// Directory `name` of `parent`, made if missing, with this mode under any umask.
Fd make_directory(const Fd& parent, const std::string& name, mode_t mode) {
  if (::mkdirat(parent.get(), name.c_str(), mode) < 0 && errno != EEXIST) {
    throw os_error("creating directory " + quoted(name));
  }
  Fd directory = open_beneath(parent, name, O_RDONLY | O_DIRECTORY);
  if (::fchmod(directory.get(), mode) < 0) throw os_error("chmod of directory " + quoted(name));
  return directory;
}

/// Refuses what is not a part of a repository without content. Its meta.json under a temporary name goes.
void clear_unfinished(const Fd& directory, const std::string& prefix = "") {
  for (const DirectoryEntry& entry : list_directory(directory)) {
    const std::string path = prefix + entry.name;
    if (prefix.empty() && is_temporary_name(entry.name) && entry.type == EntryType::regular) {
      if (::unlinkat(directory.get(), entry.name.c_str(), 0) < 0) throw os_error("removing " + quoted(entry.name));
    } else if (entry.type == EntryType::directory &&
               std::ranges::find(new_directories, path) != new_directories.end()) {
      clear_unfinished(open_beneath(directory, entry.name, O_RDONLY | O_DIRECTORY), path + "/");
    } else {
      throw Error(Fault::usage, "there is " + quoted(path) + " already");
    }
  }
}

/// Whole and durable before it gets its name, since whatever has a meta.json is a repository.
void write_meta(const Fd& directory, Algorithm algorithm) {
  const std::string temporary = temporary_name();
  write_new_file(directory, temporary, as_bytes(new_meta_json(algorithm)));
  const Fd file = open_at(directory, temporary, O_RDONLY | O_NOFOLLOW);
  if (::fchmod(file.get(), 0644) < 0) throw os_error("chmod of meta.json");
  try_seal(file, algorithm);
  if (::fsync(file.get()) < 0) throw os_error("syncing meta.json");
  if (::renameat(directory.get(), temporary.c_str(), directory.get(), "meta.json") < 0) {
    throw os_error("creating meta.json");
  }
}

/// Puts a symlink in place of what had this name, in one step.
void replace_symlink(const Fd& directory, const std::string& target, const std::string& name) {
  const std::string temporary = temporary_name();
  if (::symlinkat(target.c_str(), directory.get(), temporary.c_str()) < 0) {
    throw os_error("creating symlink " + quoted(name));
  }
  if (::renameat(directory.get(), temporary.c_str(), directory.get(), name.c_str()) < 0) {
    const int error_number = errno;
    ::unlinkat(directory.get(), temporary.c_str(), 0);
    throw os_error("creating symlink " + quoted(name), error_number);
  }
}

/// The directories of a ref's name. Refs come from users and from images, and become paths.
std::vector<std::string> split_ref(const std::string& name) {
  std::vector<std::string> parts(1);
  for (const char c : name) {
    if (c == '/') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  for (const std::string& part : parts) {
    if (part.empty() || part == "." || part == ".." || part.find('\0') != std::string::npos) {
      throw Error(Fault::usage, "not a relative path of plain names");
    }
  }
  return parts;
}

}  // namespace

Repository::Repository(Fd directory, RepositoryMeta meta)
    : directory_(std::move(directory)),
      meta_(std::move(meta)),
      objects_(open_beneath(directory_, "objects", O_RDONLY | O_DIRECTORY), meta_.algorithm,
               writable() ? ObjectStore::Access::read_write : ObjectStore::Access::read_only) {}

Repository Repository::create(const Fd& parent, const std::string& name, Algorithm algorithm) {
  during("creating repository " + quoted(name), [&] {
    if (::mkdirat(parent.get(), name.c_str(), 0700) < 0 && errno != EEXIST) throw os_error("creating the directory");
    const Fd directory = open_at(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    clear_unfinished(directory);
    if (::fchmod(directory.get(), 0700) < 0) throw os_error("chmod");
    for (const std::string_view part : new_directories) {
      const Fd made = make_directory(directory, std::string(part), 0755);
    }
    write_meta(directory, algorithm);  // last: without it there is no repository
  });
  return open(parent, name);
}

Repository Repository::open(const Fd& parent, const std::string& name) {
  return during("opening repository " + quoted(name), [&] {
    Fd directory = open_at(parent, name, O_RDONLY | O_DIRECTORY);
    lock_shared(directory);
    RepositoryMeta meta = during("meta.json", [&] {
      const Fd file = open_beneath(directory, "meta.json", O_RDONLY | O_NONBLOCK);
      return parse_meta(read_all(file, meta_size_limit));
    });
    return Repository(std::move(directory), std::move(meta));
  });
}

void Repository::require_writable() const {
  if (writable()) return;
  throw Error(Fault::os, "changing the repository: feature " + quoted(meta_.unknown_read_only_features.front()) +
                             " of its meta.json allows this program to read it only");
}

void Repository::lock_exclusive() const {
  while (::flock(directory_.get(), LOCK_EX | LOCK_NB) < 0) {
    if (errno == EWOULDBLOCK) throw Error(Fault::busy, "locking the repository: another program is at work in it");
    if (errno != EINTR) throw os_error("locking the repository");
  }
}

void Repository::sync() const {
  if (::syncfs(directory_.get()) < 0) throw os_error("syncing the repository");
}

Digest Repository::add_image(ByteView image) const {
  require_writable();
  const Digest digest = objects_.put(image);
  during("naming image " + to_hex(digest), [&] {
    const Fd images = open_beneath(directory_, "images", O_RDONLY | O_DIRECTORY);
    sync();
    replace_symlink(images, "../objects/" + object_path(digest), to_hex(digest));
  });
  return digest;
}

void Repository::set_image_ref(const std::string& name, const Digest& image) const {
  require_writable();
  during("image ref " + quoted(name), [&] {
    const std::vector<std::string> parts = split_ref(name);
    if (!try_open_beneath(directory_, "images/" + to_hex(image), O_PATH | O_NOFOLLOW)) {
      throw Error(Fault::missing, "there is no image " + to_hex(image));
    }
    Fd directory = open_beneath(directory_, "images/refs", O_RDONLY | O_DIRECTORY);
    std::string target = "../" + to_hex(image);
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
      directory = make_directory(directory, parts[i], 0755);
      target.insert(0, "../");
    }
    sync();
    replace_symlink(directory, target, parts.back());
  });
}

}  // namespace sealroot
