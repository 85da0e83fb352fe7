// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/object_store.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/early_sync.hpp"
#include "store/new_object.hpp"
#include "store/verity/kernel.hpp"
#include "store/verity/verity_hasher.hpp"

namespace sealroot {

namespace {

/// O_NONBLOCK: a FIFO in an object's place must not make us wait; for regular files it means nothing.
constexpr int object_flags = O_RDONLY | O_NONBLOCK;

Error wrong_object(const std::string& reason) {
  return {Fault::untrusted, reason + "; remove this file and run again"};
}

struct stat regular_file_info(const Fd& file) {
  struct stat info {};
  if (::fstat(file.get(), &info) < 0) throw os_error("reading its size");
  if (!S_ISREG(info.st_mode)) throw wrong_object("not a regular file");
  return info;
}

}  // namespace

ObjectStore::ObjectStore(Fd objects, Algorithm algorithm, Access access, std::string folder)
    : objects_(std::move(objects)),
      algorithm_(algorithm),
      access_(access),
      folder_(std::move(folder)),
      traits_(std::make_shared<StoreTraits>()),
      early_sync_(std::make_shared<EarlySync>()) {
  // An unnamed file is given its name through /proc where the kernel refuses the direct way, see NewObject::link.
  traits_->unnamed_files = ::access("/proc/self/fd", F_OK) == 0;
}

std::string ObjectStore::path_of(const Digest& digest) const { return folder_ + object_path(digest); }

bool ObjectStore::seals() const { return traits_->sealing; }

void ObjectStore::start_sync() const { early_sync_->start(objects_); }

void ObjectStore::pass_page_cache() const { traits_->passing_cache = true; }

void ObjectStore::forgo_unnamed_files() const { traits_->unnamed_files = false; }

Digest ObjectStore::put(ByteView content) const {
  const Digest digest = measure_bytes(algorithm_, content);
  put_measured(digest, content);
  return digest;
}

void ObjectStore::put_measured(const Digest& digest, ByteView content) const {
  if (contains_intact(digest, content.size())) return;
  NewObject object(*this, object_path(digest).substr(0, 2), content.size());
  during("object " + path_of(digest), [&] { object.write_at(content, 0); });
  object.publish(digest, content.size());
}

Fd ObjectStore::open(const Digest& digest) const {
  return during("object " + path_of(digest), [&] {
    Fd file = open_beneath(objects_, object_path(digest), object_flags);
    regular_file_info(file);
    return file;
  });
}

Bytes ObjectStore::read(const Digest& digest) const {
  const Fd file = open(digest);
  return during("object " + path_of(digest), [&] {
    Bytes content = read_all(file);
    if (measure_bytes(digest.algorithm(), content) != digest) throw wrong_object("its bytes give another digest");
    return content;
  });
}

bool ObjectStore::contains(const Digest& digest) const {
  return during("object " + path_of(digest), [&] {
    const std::optional<Fd> file = try_open_beneath(objects_, object_path(digest), object_flags);
    if (file) regular_file_info(*file);
    return file.has_value();
  });
}

ObjectStore::Usage ObjectStore::usage(const Digest& digest) const {
  constexpr std::uint64_t stat_block = 512;
  struct stat info {};
  if (::fstatat(objects_.get(), object_path(digest).c_str(), &info, AT_SYMLINK_NOFOLLOW) < 0) {
    throw os_error("object " + path_of(digest));
  }
  return {static_cast<std::uint64_t>(info.st_size), static_cast<std::uint64_t>(info.st_blocks) * stat_block};
}

bool ObjectStore::contains_intact(const Digest& digest, std::uint64_t size_bytes) const {
  const std::optional<Fd> file = try_open_beneath(objects_, object_path(digest), object_flags);
  if (!file) return false;
  return during("object " + path_of(digest), [&] {
    if (static_cast<std::uint64_t>(regular_file_info(*file).st_size) != size_bytes) return false;
    if (!traits_->sealing) return true;
    std::optional<Digest> measured = try_measure(*file);
    if (!measured && access_ == Access::read_write) {
      if (try_seal(*file, algorithm_)) {
        measured = try_measure(*file);
      } else {
        traits_->sealing = false;
      }
    }
    if (measured && *measured != digest) throw wrong_object("there already, but the kernel measures another digest");
    return true;
  });
}

}  // namespace sealroot
