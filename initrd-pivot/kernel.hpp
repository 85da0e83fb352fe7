// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Everything the pivot asks of the kernel, behind one interface: linux_kernel.cpp makes the system calls, the unit
// tests put a fake in its place and see every branch without being root.
//
// Every call that returns `long` gives a value >= 0 or a negative errno, as the kernel does. File descriptors are
// always close-on-exec; as the program ends in execve, exit or reboot, it closes them itself only where it polls: that
// saves a quarter of all its system calls.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "store/core/bytes.hpp"
#include "store/core/digest.hpp"

namespace sealroot {

/// The part of statx(2) the pivot looks at.
struct FileStatus {
  std::uint16_t mode = 0;  // type and permission bits, as in st_mode
  std::uint32_t owner = 0;
};

/// Answer of FS_IOC_MEASURE_VERITY, laid out as the kernel's fsverity_digest.
struct Measurement {
  std::uint16_t algorithm = 0;  // FS_VERITY_HASH_ALG_*
  std::uint16_t size = 0;       // bytes used in `value`
  std::uint8_t value[max_digest_size] = {};
};

// MS_* and MOUNT_ATTR_* of linux/mount.h, which cannot stand beside the C library's sys/mount.h. Both sets have the
// same values for these.
inline constexpr unsigned long mount_read_only = 1;
inline constexpr unsigned long mount_no_set_id = 2;
inline constexpr unsigned long mount_no_devices = 4;
inline constexpr unsigned long mount_no_programs = 8;

enum class PathRule {
  trusted,  // written by us or by the kernel: resolved as usual
  beneath,  // on the disk: openat2 with BENEATH | NO_SYMLINKS | NO_MAGICLINKS | NO_XDEV
  inside,   // of the new root, as its own programs see it: openat2 with IN_ROOT | NO_MAGICLINKS
};

class Kernel {
 public:
  // Files. A relative path starts at `directory`; `working_directory` stands for AT_FDCWD.
  static constexpr int working_directory = -100;
  virtual long open(int directory, const char* path, int flags, PathRule rule) = 0;
  virtual void close(int fd) = 0;
  virtual long read(int fd, std::span<std::uint8_t> into, std::uint64_t offset) = 0;
  virtual long write(int fd, std::string_view text) = 0;
  virtual long list(int fd, std::span<std::uint8_t> into) = 0;                   // getdents64
  virtual long status(int directory, const char* path, FileStatus& status) = 0;  // links not followed; "" = the fd
  virtual long make_directory(int directory, const char* path, unsigned mode) = 0;
  virtual long remove(const char* path) = 0;
  virtual long duplicate(int fd, int onto) = 0;
  virtual long measure(int fd, Measurement& measurement) = 0;

  // Mounts. fs_open, fs_configure, fs_mount and attach are the mount API of Linux 5.2; `mount` is the old call, one
  // system call in place of six, for mounts that need no exact diagnosis.
  virtual long mount(const char* source, const char* target, const char* type, unsigned long flags,
                     const char* options) = 0;
  virtual long unmount(const char* target) = 0;  // detaches the topmost mount at once
  virtual long fs_open(const char* type) = 0;
  virtual long fs_set(int fs, const char* key, const char* value) = 0;  // value nullptr: a flag
  virtual long fs_create(int fs) = 0;
  virtual long fs_mount(int fs, std::uint64_t attributes) = 0;
  virtual long fs_message(int fs, std::span<std::uint8_t> into) = 0;     // next line of the context's own log
  virtual long clone_mount(int directory, const char* path) = 0;         // detached copy of the mount, not recursive
  virtual long restrict_mount(int mount, std::uint64_t attributes) = 0;  // also makes it private
  virtual long attach(int mount, int directory, const char* path) = 0;   // `path` itself must not be a link
  virtual long move(const char* mount_point, int directory, const char* path) = 0;  // the same for an attached mount
  virtual long attach_loop(int control, int file) = 0;  // returns the fd of a read-only loop device over `file`

  // The machine.
  virtual long load_module(int fd) = 0;
  virtual void sleep_milliseconds(unsigned duration) = 0;
  virtual long process_id() = 0;
  virtual long change_root(int directory) = 0;  // chdir there, chroot, chdir /
  virtual long execute(const char* path, const char* const* arguments, const char* const* environment) = 0;
  [[noreturn]] virtual void restart(bool power_off) = 0;  // syncs first; never returns, whatever the kernel says
  [[noreturn]] virtual void exit(int status) = 0;

 protected:
  ~Kernel() = default;
};

}  // namespace sealroot
