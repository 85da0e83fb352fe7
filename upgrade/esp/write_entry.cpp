// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "upgrade/esp/write_entry.hpp"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "builder/disk/esp.hpp"
#include "store/core/error.hpp"
#include "store/listing.hpp"
#include "store/temporary_name.hpp"
#include "upgrade/esp/boot_entry.hpp"

namespace sealroot {
namespace {

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

void sync_folder(const Fd& folder) {
  if (::fsync(folder.get()) < 0) throw os_error("syncing EFI/Linux");
  if (::syncfs(folder.get()) < 0) throw os_error("syncing the ESP");
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

void write_content(const Fd& folder, const std::string& name, ByteView content) {
  const Fd file(::openat(folder.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!file) throw os_error("creating a file");
  // All or nothing, before the first byte. Without KEEP_SIZE, FAT would write zeros first. File systems that can't do
  // this find out while writing.
  const auto size = static_cast<off_t>(content.size());
  if (::fallocate(file.get(), FALLOC_FL_KEEP_SIZE, 0, size) < 0 && errno != EOPNOTSUPP && errno != ENOSYS) {
    throw os_error("allocating " + std::to_string(content.size()) + " bytes");
  }
  write_all(file, content);
  if (::fchmod(file.get(), 0644) < 0) throw os_error("chmod");
  if (::fsync(file.get()) < 0) throw os_error("syncing");
}

/// What is on the disk, as far as the kernel lets go of what is in memory.
void compare_content(const Fd& folder, const std::string& name, ByteView content) {
  const Fd file = open_beneath(folder, name, O_RDONLY | O_NOFOLLOW);
  ::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED);
  const Bytes found = read_all(file, content.size());
  if (!std::ranges::equal(ByteView(found), content)) {
    throw Error(Fault::untrusted, "reads back other bytes than were written: the disk of the ESP is failing");
  }
}

void rename_new(const Fd& folder, const std::string& from, const std::string& to) {
  if (::renameat2(folder.get(), from.c_str(), folder.get(), to.c_str(), RENAME_NOREPLACE) == 0) return;
  if (errno == EEXIST) throw Error(Fault::usage, quoted(to) + " is there already");
  throw os_error("renaming to " + quoted(to));
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

std::string write_boot_entry(const Fd& esp, const EntryName& name, ByteView content) {
  const std::string file_name = entry_file_name(name);
  return during("writing boot entry " + quoted(file_name), [&] {
    require_space(esp, content.size());
    const Fd folder = make_entries(esp);
    require_new_name(folder, name);
    std::string visible = temporary_name();
    try {
      write_content(folder, visible, content);
      compare_content(folder, visible, content);
      rename_new(folder, visible, file_name);
      visible = file_name;
      sync_folder(folder);
    } catch (...) {
      ::unlinkat(folder.get(), visible.c_str(), 0);
      throw;
    }
    return file_name;
  });
}

bool rename_boot_entry(const Fd& esp, const std::string& file_name, const EntryName& name) {
  return during("boot entry " + quoted(file_name), [&] {
    const Fd folder = open_entries(esp);
    const std::string target = entry_file_name(name);
    if (::renameat2(folder.get(), file_name.c_str(), folder.get(), target.c_str(), RENAME_NOREPLACE) < 0) {
      if (errno == ENOENT) return false;
      throw os_error("renaming to " + quoted(target));
    }
    sync_folder(folder);
    return true;
  });
}

void remove_boot_entry(const Fd& esp, const std::string& file_name) {
  during("boot entry " + quoted(file_name), [&] {
    const Fd folder = open_entries(esp);
    if (::unlinkat(folder.get(), file_name.c_str(), 0) < 0 && errno != ENOENT) throw os_error("removing");
    sync_folder(folder);
  });
}

}  // namespace sealroot
