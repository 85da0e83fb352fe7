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
#include "store/new_image.hpp"
#include "store/replace_symlink.hpp"
#include "store/temporary_name.hpp"
#include "store/verity/kernel.hpp"

namespace sealroot {

namespace {

constexpr std::uint64_t meta_size_limit = 64 << 10;
constexpr std::string_view objects_prefix = "../objects/";

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

/// The algorithm of the first object of a flat store; nullopt if the directory is none.
std::optional<Algorithm> flat_store_algorithm(const Fd& directory) {
  for (const DirectoryEntry& folder : list_directory(directory)) {
    if (folder.type != EntryType::directory || folder.name.size() != 2) continue;
    const Fd objects = open_beneath(directory, folder.name, O_RDONLY | O_DIRECTORY);
    for (const DirectoryEntry& object : list_directory(objects)) {
      const std::optional<Digest> digest = try_parse_object_path(folder.name + "/" + object.name);
      if (digest) return digest->algorithm();
    }
  }
  return std::nullopt;
}

}  // namespace

Repository::Repository(Fd directory, RepositoryMeta meta)
    : directory_(std::move(directory)),
      meta_(std::move(meta)),
      objects_(open_beneath(directory_, "objects", O_RDONLY | O_DIRECTORY), meta_.algorithm,
               writable() ? ObjectStore::Access::read_write : ObjectStore::Access::read_only) {}

Repository::Repository(Fd directory, Fd objects, Algorithm algorithm)
    : directory_(std::move(directory)),
      meta_{algorithm},
      flat_(true),
      objects_(std::move(objects), algorithm, ObjectStore::Access::read_only, "") {}

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

Repository Repository::open_to_read(const Fd& parent, const std::string& name) {
  const std::optional<Fd> directory = try_open_at(parent, name, O_RDONLY | O_DIRECTORY);
  if (!directory || try_open_beneath(*directory, "meta.json", O_PATH)) return open(parent, name);
  const std::optional<Algorithm> algorithm = flat_store_algorithm(*directory);
  if (!algorithm) return open(parent, name);  // which says what is missing
  return during("opening store " + quoted(name), [&] {
    Fd lock = open_at(*directory, ".", O_RDONLY | O_DIRECTORY);
    lock_shared(lock);
    return Repository(std::move(lock), open_at(*directory, ".", O_RDONLY | O_DIRECTORY), *algorithm);
  });
}

void Repository::require_writable() const {
  if (writable()) return;
  if (flat_)
    throw Error(Fault::usage, "changing the repository: it is a flat store without meta.json, which is only read");
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
  return sealroot::add_image(*this, [&](const auto& output) { output(image); });
}

void Repository::set_ref(const std::string& folder, const std::string& name, const std::string& target) const {
  require_writable();
  const std::vector<std::string> parts = split_ref(name);
  if (!try_open_beneath(directory_, folder + "/" + target, O_PATH | O_NOFOLLOW)) {
    throw Error(Fault::missing, "there is no " + quoted(folder + "/" + target));
  }
  Fd directory = make_directory(make_directory(directory_, folder, 0755), "refs", 0755);
  std::string link = "../" + target;
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    directory = make_directory(directory, parts[i], 0755);
    link.insert(0, "../");
  }
  sync();
  replace_symlink(directory, link, parts.back());
}

void Repository::set_image_ref(const std::string& name, const Digest& image) const {
  during("image ref " + quoted(name), [&] { set_ref("images", name, to_hex(image)); });
}

std::optional<Digest> Repository::find_stream(const std::string& id) const {
  const std::optional<Fd> streams = try_open_beneath(directory_, "streams", O_RDONLY | O_DIRECTORY);
  if (!streams || !try_open_beneath(*streams, id, O_PATH | O_NOFOLLOW)) return std::nullopt;
  const std::string target = read_link(*streams, id);
  if (!target.starts_with(objects_prefix)) return std::nullopt;
  const std::optional<Digest> object = try_parse_object_path(target.substr(objects_prefix.size()));
  if (!object || object->algorithm() != algorithm() || !objects_.contains(*object)) return std::nullopt;
  return object;
}

void Repository::name_streams(const std::vector<std::pair<std::string, Digest>>& streams) const {
  require_writable();
  const Fd directory = make_directory(directory_, "streams", 0755);
  sync();
  for (const auto& [id, object] : streams) {
    during("naming stream " + quoted(id), [&, name = id, target = object_path(object)] {
      replace_symlink(directory, std::string(objects_prefix) + target, name);
    });
  }
}

void Repository::set_stream_ref(const std::string& name, const std::string& id) const {
  during("stream ref " + quoted(name), [&] { set_ref("streams", name, id); });
}

}  // namespace sealroot
