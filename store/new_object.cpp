// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/new_object.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/early_sync.hpp"
#include "store/temporary_name.hpp"
#include "store/verity/kernel.hpp"

namespace sealroot {

namespace {

constexpr mode_t object_mode = 0644;
constexpr mode_t folder_mode = 0755;

/// Smaller ones cost more to wait for than to copy.
constexpr std::uint64_t smallest_direct_bytes = 256U << 10;

std::string descriptor_path(const Fd& file) { return "/proc/self/fd/" + std::to_string(file.get()); }

/// The same mode under any umask. To look costs a tenth of a change, which the file system logs.
void set_mode(const Fd& file, const std::string& folder) {
  struct stat info {};
  const bool right = ::fstat(file.get(), &info) == 0 && (info.st_mode & ~S_IFMT) == object_mode;
  if (!right && ::fchmod(file.get(), object_mode) < 0) throw os_error("chmod of a new object in objects/" + folder);
}

/// Folder `name` of the store, made when the first object needs it, with the same mode under any umask. Everything
/// below goes through this descriptor: a symlink that is put in the folder's place meanwhile leads nowhere.
Fd open_folder(const Fd& objects, const std::string& name) {
  constexpr int flags = O_RDONLY | O_DIRECTORY;
  if (std::optional<Fd> folder = try_open_beneath(objects, name, flags)) return *std::move(folder);
  const bool made = ::mkdirat(objects.get(), name.c_str(), folder_mode) == 0;
  if (!made && errno != EEXIST) throw os_error("creating directory objects/" + name);
  Fd folder = open_beneath(objects, name, flags);
  if (made && ::fchmod(folder.get(), folder_mode) < 0) throw os_error("chmod of objects/" + name);
  return folder;
}

}  // namespace

NewObject::NewObject(const ObjectStore& store, std::string folder, std::uint64_t size_bytes)
    : store_(store), folder_(std::move(folder)) {
  if (store.access_ == ObjectStore::Access::read_only) {
    throw Error(Fault::os, "creating an object: the repository is read only");
  }
  directory_ = open_folder(store.objects_, folder_);
  if (store.traits_->unnamed_files) create_unnamed();
  if (!file_) create_named();
  set_mode(file_, folder_);
  // Sealing has the kernel read the object, so that it had better be in the cache.
  const StoreTraits& traits = *store.traits_;
  if (traits.passing_cache && !traits.sealing && size_bytes >= smallest_direct_bytes) direct_.emplace(file_);
}

NewObject::~NewObject() {
  if (!temporary_name_.empty()) ::unlinkat(directory_.get(), temporary_name_.c_str(), 0);
}

void NewObject::create_unnamed() {
  file_ = Fd(::openat(directory_.get(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, object_mode));
  if (file_) return;
  // Old kernels say EISDIR, file systems without it EOPNOTSUPP.
  if (errno != EOPNOTSUPP && errno != EISDIR) throw os_error("creating an object in objects/" + folder_);
  store_.traits_->unnamed_files = false;
}

void NewObject::create_named() {
  const std::string name = temporary_name();
  file_ = Fd(::openat(directory_.get(), name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, object_mode));
  if (!file_) throw os_error("creating an object in objects/" + folder_);
  temporary_name_ = name;
}

void NewObject::write_at(ByteView data, std::uint64_t offset) const {
  const std::size_t done = direct_ ? direct_->write_at(data, offset) : 0;
  write_all_at(file_, data.subspan(done), offset + done);
}

void NewObject::seal(const Digest& digest) {
  // The kernel refuses while anybody has the file open for writing, this process included.
  file_ = temporary_name_.empty() ? open_at(working_directory(), descriptor_path(file_), O_RDONLY)
                                  : open_at(directory_, temporary_name_, O_RDONLY | O_NOFOLLOW);
  if (!try_seal(file_, store_.algorithm_)) {
    store_.traits_->sealing = false;
    return;
  }
  if (try_measure(file_) != digest) {
    throw Error(Fault::untrusted, "sealing: the kernel measures another digest than the one computed");
  }
}

/// linkat to `name` in `folder`; errno of a failure, or 0.
int NewObject::link(const Fd& folder, const std::string& name) const {
  if (!temporary_name_.empty()) {
    return ::linkat(directory_.get(), temporary_name_.c_str(), folder.get(), name.c_str(), 0) == 0 ? 0 : errno;
  }
  // Before Linux 6.10 only with CAP_DAC_READ_SEARCH, ENOENT without; the way through /proc costs a walk there.
  if (::linkat(file_.get(), "", folder.get(), name.c_str(), AT_EMPTY_PATH) == 0) return 0;
  if (errno != ENOENT) return errno;
  const std::string path = descriptor_path(file_);
  return ::linkat(AT_FDCWD, path.c_str(), folder.get(), name.c_str(), AT_SYMLINK_FOLLOW) == 0 ? 0 : errno;
}

/// Puts the file in the place of another: rename(2) can do that, linkat(2) can't.
void NewObject::replace(const Fd& folder, const std::string& name) const {
  const std::string temporary = temporary_name();
  int error_number = link(folder, temporary);
  if (error_number == 0 && ::renameat(folder.get(), temporary.c_str(), folder.get(), name.c_str()) < 0) {
    error_number = errno;
    ::unlinkat(folder.get(), temporary.c_str(), 0);
  }
  if (error_number != 0) throw os_error("replacing what a power cut left of it", error_number);
}

void NewObject::publish(const Digest& digest, std::uint64_t size_bytes) {
  const std::string path = object_path(digest);
  const std::string name = path.substr(3);
  during("object objects/" + path, [&] {
    if (store_.traits_->sealing) seal(digest);
    Fd other;  // it may have been written in another folder than the one it goes to
    if (!path.starts_with(folder_)) other = open_folder(store_.objects_, path.substr(0, 2));
    const Fd& folder = other ? other : directory_;
    const int error_number = link(folder, name);
    if (error_number == EEXIST) {
      if (!store_.contains_intact(digest, size_bytes)) replace(folder, name);
    } else if (error_number != 0) {
      throw os_error("giving it its name", error_number);
    }
    store_.early_sync_->wrote(store_.objects_, size_bytes);
  });
}

}  // namespace sealroot
