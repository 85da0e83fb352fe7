// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "upgrade/esp/write_entry.hpp"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <optional>

#include "builder/boot_roots.hpp"
#include "builder/disk/esp.hpp"
#include "builder/inspect/inspect.hpp"
#include "store/core/error.hpp"
#include "store/listing.hpp"
#include "store/read_pieces.hpp"
#include "upgrade/esp/boot_entry.hpp"

namespace sealroot {
namespace {

constexpr std::size_t sector_bytes = 512;     // a disk writes no less at once
constexpr std::uint64_t folder_clusters = 4;  // EFI, Linux, and the growth of either

struct statvfs space_of(const Fd& esp) {
  struct statvfs space {};
  if (::fstatvfs(esp.get(), &space) < 0) throw os_error("asking the ESP for its free space");
  return space;
}

Fd open_entries(const Fd& esp) { return open_beneath(esp, entry_folder, O_RDONLY | O_DIRECTORY); }

Fd make_entries(const Fd& esp) {
  Fd folder = open_beneath(esp, ".", O_RDONLY | O_DIRECTORY);
  for (const char* const name : {"EFI", "Linux"}) {
    if (::mkdirat(folder.get(), name, 0755) < 0 && errno != EEXIST) throw os_error("creating " + quoted(name));
    folder = open_beneath(folder, name, O_RDONLY | O_DIRECTORY);
  }
  return folder;
}

/// For syncfs FAT writes all it has, but only for fsync it makes the disk keep that.
void sync_folder(const Fd& folder) {
  if (::syncfs(folder.get()) < 0) throw os_error("syncing the ESP");
  if (::fsync(folder.get()) < 0) throw os_error("syncing EFI/Linux");
}

void require_new_name(const Fd& folder, const EntryName& name) {
  for (const DirectoryEntry& found : list_directory(folder)) {
    const auto other = try_parse_entry_name(found.name);
    if (!other || fold_case(other->base) != fold_case(name.base)) continue;
    throw Error(Fault::usage, quoted(found.name) + " is there already");  // bless-boot could not rename the new one
  }
}

void require_space(const Fd& esp, std::uint64_t size_bytes) {
  const std::uint64_t needed = space_for_entry(esp, size_bytes);
  const std::uint64_t free = free_space(esp);
  if (needed <= free) return;
  throw Error(Fault::os, std::to_string(needed) + " bytes are needed, " + std::to_string(free) +
                             " are free: make room on the ESP, or unpin a deployment");
}

void sync_file(const Fd& file) {
  if (::fsync(file.get()) < 0) throw os_error("syncing");
}

Fd create_file(const Fd& folder, const std::string& name) {
  Fd file(::openat(folder.get(), name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!file && errno == EEXIST) throw Error(Fault::usage, "it is there already");
  if (!file) throw os_error("creating a file");
  return file;
}

/// Gives a file all the clusters it needs. The table of clusters becomes durable first, by the fsync of the folder, and
/// then by its own what leads to them: a file that leads to free clusters could not even be removed any more.
void allocate(const Fd& folder, const Fd& file, std::uint64_t size_bytes) {
  // All or nothing, before the first byte. Without KEEP_SIZE, FAT would write zeros first. File systems that can't do
  // this find out while writing.
  if (::fallocate(file.get(), FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(size_bytes)) < 0 && errno != EOPNOTSUPP &&
      errno != ENOSYS) {
    throw os_error("allocating " + std::to_string(size_bytes) + " bytes");
  }
  if (::fchmod(file.get(), 0644) < 0) throw os_error("chmod");
  sync_file(folder);
  sync_file(file);
}

/// What is on the disk, as far as the kernel lets go of what is in memory.
void compare_content(const Fd& file, ByteView content, std::uint64_t offset) {
  ::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED);
  Bytes found(content.size());
  found.resize(read_at(file, found, offset));
  if (!std::ranges::equal(ByteView(found), content)) {
    throw Error(Fault::untrusted, "reads back other bytes than were written: the disk of the ESP is failing");
  }
}

void write_content(const Fd& file, ByteView content) {
  const ByteView beginning = content.first(std::min(content.size(), sector_bytes));
  const ByteView rest = content.subspan(beginning.size());
  write_all(file, Bytes(beginning.size()));
  write_all(file, rest);
  sync_file(file);
  compare_content(file, rest, beginning.size());
  write_all_at(file, beginning, 0);
  sync_file(file);
  compare_content(file, beginning, 0);
}

void write_entry(const Fd& folder, const std::string& name, ByteView content) {
  const Fd file = create_file(folder, name);
  try {
    allocate(folder, file, content.size());
    write_content(file, content);
    sync_folder(folder);
  } catch (...) {
    ::unlinkat(folder.get(), name.c_str(), 0);
    throw;
  }
}

/// What others changed is on the disk before: systemd-bless-boot leaves an entry that the disk may still lose. The
/// clusters are free when nobody has the file open any more; by then its name is gone for good.
bool remove_entry(const Fd& folder, const std::string& name) {
  sync_folder(folder);
  std::optional<Fd> held = try_open_beneath(folder, name, O_PATH | O_NOFOLLOW);
  if (::unlinkat(folder.get(), name.c_str(), 0) < 0) {
    if (errno == ENOENT) return false;
    throw os_error("removing");
  }
  sync_folder(folder);
  held.reset();
  sync_folder(folder);
  return true;
}

std::optional<Bytes> try_read_entry(const Fd& folder, const std::string& name) {
  const auto file = try_open_beneath(folder, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
  return file ? std::optional(read_all(*file, max_boot_file_bytes)) : std::nullopt;
}

/// Whether a copy under the new name is there already: a power cut came before the old one was removed.
bool is_copied(const Fd& folder, const std::string& name, const Bytes& content) {
  const std::optional<Bytes> found = try_read_entry(folder, name);
  if (!found || *found == content) return found.has_value();
  if (!has_no_beginning(*found)) throw Error(Fault::usage, quoted(name) + " is there already, with another content");
  remove_entry(folder, name);
  return false;
}

bool rename_new(const Fd& folder, const std::string& from, const std::string& to) {
  sync_folder(folder);
  if (::renameat2(folder.get(), from.c_str(), folder.get(), to.c_str(), RENAME_NOREPLACE) < 0) {
    if (errno == ENOENT) return false;
    throw os_error("renaming to " + quoted(to));
  }
  sync_folder(folder);
  return true;
}

}  // namespace

std::uint64_t space_for_entry(const Fd& esp, std::uint64_t size_bytes) {
  const std::uint64_t cluster = std::max<std::uint64_t>(space_of(esp).f_bsize, 512);
  return (size_bytes + cluster - 1) / cluster * cluster + folder_clusters * cluster;
}

std::uint64_t free_space(const Fd& esp) {
  const struct statvfs space = space_of(esp);
  return std::uint64_t{space.f_bavail} * space.f_frsize;
}

std::uint64_t space_taken(const Fd& esp, const std::vector<std::string>& file_names) {
  constexpr std::uint64_t stat_block = 512;
  std::uint64_t bytes = 0;
  for (const std::string& name : file_names) {
    struct stat info {};
    const std::string path = std::string(entry_folder) + "/" + name;
    if (::fstatat(esp.get(), path.c_str(), &info, AT_SYMLINK_NOFOLLOW) < 0) continue;  // gone meanwhile
    bytes += static_cast<std::uint64_t>(info.st_blocks) * stat_block;
  }
  return bytes;
}

std::string write_boot_entry(const Fd& esp, const EntryName& name, ByteView content) {
  const std::string file_name = entry_file_name(name);
  return during("writing boot entry " + quoted(file_name), [&] {
    require_space(esp, content.size());
    const Fd folder = make_entries(esp);
    require_new_name(folder, name);
    write_entry(folder, file_name, content);
    return file_name;
  });
}

bool rename_boot_entry(const Fd& esp, const std::string& file_name, const EntryName& name) {
  return during("boot entry " + quoted(file_name), [&] {
    const Fd folder = open_entries(esp);
    const std::string target = entry_file_name(name);
    const std::optional<Bytes> content = try_read_entry(folder, file_name);
    if (!content) return false;
    if (!is_copied(folder, target, *content)) {
      if (free_space(esp) < space_for_entry(esp, content->size())) return rename_new(folder, file_name, target);
      write_entry(folder, target, *content);
    }
    return remove_entry(folder, file_name);
  });
}

void remove_boot_entry(const Fd& esp, const std::string& file_name) {
  during("boot entry " + quoted(file_name), [&] { remove_entry(open_entries(esp), file_name); });
}

}  // namespace sealroot
