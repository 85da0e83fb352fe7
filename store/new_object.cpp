// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/new_object.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/temporary_name.hpp"
#include "store/verity/kernel.hpp"

namespace sealroot {

namespace {

constexpr mode_t object_mode = 0644;
constexpr mode_t folder_mode = 0755;

std::string descriptor_path(const Fd& file) { return "/proc/self/fd/" + std::to_string(file.get()); }

/// Folders are made when the first object needs them, with the same mode under any umask.
void make_folder(const Fd& objects, const std::string& folder) {
  if (::mkdirat(objects.get(), folder.c_str(), folder_mode) < 0) {
    if (errno == EEXIST) return;
    throw os_error("creating directory objects/" + folder);
  }
  if (::fchmodat(objects.get(), folder.c_str(), folder_mode, 0) < 0) throw os_error("chmod of objects/" + folder);
}

/// openat that makes the folder of the file when it is missing.
Fd open_in_folder(const Fd& objects, const std::string& folder, const std::string& path, int flags) {
  for (bool made = false;; made = true) {
    Fd file(::openat(objects.get(), path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, object_mode));
    if (file || errno != ENOENT || made) return file;
    make_folder(objects, folder);
  }
}

}  // namespace

NewObject::NewObject(const ObjectStore& store, std::string folder) : store_(store), folder_(std::move(folder)) {
  if (store.access_ == ObjectStore::Access::read_only) {
    throw Error(Fault::os, "creating an object: the repository is read only");
  }
  if (store.traits_->unnamed_files) create_unnamed();
  if (!file_) create_named();
  if (::fchmod(file_.get(), object_mode) < 0) throw os_error("chmod of a new object in objects/" + folder_);
}

NewObject::~NewObject() {
  if (!temporary_name_.empty()) ::unlinkat(store_.objects_.get(), temporary_name_.c_str(), 0);
}

void NewObject::create_unnamed() {
  file_ = open_in_folder(store_.objects_, folder_, folder_, O_TMPFILE | O_RDWR);
  if (file_) return;
  // Old kernels say EISDIR, file systems without it EOPNOTSUPP.
  if (errno != EOPNOTSUPP && errno != EISDIR) throw os_error("creating an object in objects/" + folder_);
  store_.traits_->unnamed_files = false;
}

void NewObject::create_named() {
  const std::string path = folder_ + "/" + temporary_name();
  file_ = open_in_folder(store_.objects_, folder_, path, O_RDWR | O_CREAT | O_EXCL);
  if (!file_) throw os_error("creating an object in objects/" + folder_);
  temporary_name_ = path;
}

void NewObject::seal(const Digest& digest) {
  // The kernel refuses while anybody has the file open for writing, this process included.
  file_ = temporary_name_.empty() ? open_at(working_directory(), descriptor_path(file_), O_RDONLY)
                                  : open_at(store_.objects_, temporary_name_, O_RDONLY | O_NOFOLLOW);
  if (!try_seal(file_, store_.algorithm_)) {
    store_.traits_->sealing = false;
    return;
  }
  if (try_measure(file_) != digest) {
    throw Error(Fault::untrusted, "sealing: the kernel measures another digest than the one computed");
  }
}

/// linkat to `path` in the store; errno of a failure, or 0.
int NewObject::link(const std::string& path) const {
  const int directory = store_.objects_.get();
  const int result = temporary_name_.empty() ? ::linkat(AT_FDCWD, descriptor_path(file_).c_str(), directory,
                                                        path.c_str(), AT_SYMLINK_FOLLOW)
                                             : ::linkat(directory, temporary_name_.c_str(), directory, path.c_str(), 0);
  return result == 0 ? 0 : errno;
}

/// Puts the file in the place of another: rename(2) can do that, linkat(2) can't.
void NewObject::replace(const std::string& path) const {
  const int directory = store_.objects_.get();
  const std::string temporary = path.substr(0, 3) + temporary_name();
  int error_number = link(temporary);
  if (error_number == 0 && ::renameat(directory, temporary.c_str(), directory, path.c_str()) < 0) {
    error_number = errno;
    ::unlinkat(directory, temporary.c_str(), 0);
  }
  if (error_number != 0) throw os_error("replacing what a power cut left of it", error_number);
}

void NewObject::publish(const Digest& digest, std::uint64_t size_bytes) {
  const std::string path = object_path(digest);
  during("object objects/" + path, [&] {
    if (store_.traits_->sealing) seal(digest);
    int error_number = link(path);
    if (error_number == ENOENT) {  // it was written in another folder than the one it goes to
      make_folder(store_.objects_, path.substr(0, 2));
      error_number = link(path);
    }
    if (error_number == EEXIST) {
      if (!store_.contains_intact(digest, size_bytes)) replace(path);
    } else if (error_number != 0) {
      throw os_error("giving it its name", error_number);
    }
  });
}

}  // namespace sealroot
