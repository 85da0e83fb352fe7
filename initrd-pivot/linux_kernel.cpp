// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "initrd-pivot/linux_kernel.hpp"

#include <fcntl.h>
#include <linux/fsverity.h>
#include <linux/loop.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/reboot.h>
#include <linux/stat.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>

#include "initrd-pivot/system_call.hpp"
#include "initrd-pivot/text.hpp"

namespace sealroot {

static_assert(Kernel::working_directory == AT_FDCWD);
static_assert(offsetof(Measurement, value) == offsetof(fsverity_digest, digest));
static_assert(offsetof(Measurement, size) == offsetof(fsverity_digest, digest_size));
static_assert(mount_read_only == MS_RDONLY && mount_read_only == MOUNT_ATTR_RDONLY);
static_assert(mount_no_set_id == MS_NOSUID && mount_no_set_id == MOUNT_ATTR_NOSUID);
static_assert(mount_no_devices == MS_NODEV && mount_no_devices == MOUNT_ATTR_NODEV);
static_assert(mount_no_programs == MS_NOEXEC && mount_no_programs == MOUNT_ATTR_NOEXEC);

namespace {

// umount2's flag; its name is in the C library's sys/mount.h, which cannot stand beside linux/mount.h.
constexpr int detach_flag = 2;

}  // namespace

long LinuxKernel::open(int directory, const char* path, int flags, PathRule rule) {
  open_how how{};
  how.flags = static_cast<unsigned>(flags) | O_CLOEXEC;
  if (rule == PathRule::beneath) {
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
  } else if (rule == PathRule::inside) {
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  }
  return system_call(SYS_openat2, directory, path, &how, sizeof(how));
}

void LinuxKernel::close(int fd) { system_call(SYS_close, fd); }

long LinuxKernel::read(int fd, std::span<std::uint8_t> into, std::uint64_t offset) {
  return system_call(SYS_pread64, fd, into.data(), into.size(), offset);
}

long LinuxKernel::write(int fd, std::string_view text) { return system_call(SYS_write, fd, text.data(), text.size()); }

long LinuxKernel::list(int fd, std::span<std::uint8_t> into) {
  return system_call(SYS_getdents64, fd, into.data(), into.size());
}

long LinuxKernel::status(int directory, const char* path, FileStatus& status) {
  struct statx raw;
  const long result =
      system_call(SYS_statx, directory, path, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH, STATX_BASIC_STATS, &raw);
  if (result >= 0) status = {.mode = raw.stx_mode, .owner = raw.stx_uid};
  return result;
}

long LinuxKernel::make_directory(int directory, const char* path, unsigned mode) {
  return system_call(SYS_mkdirat, directory, path, mode);
}

long LinuxKernel::remove(const char* path) { return system_call(SYS_unlinkat, AT_FDCWD, path, 0); }

long LinuxKernel::duplicate(int fd, int onto) { return system_call(SYS_dup3, fd, onto, 0); }

long LinuxKernel::measure(int fd, Measurement& measurement) {
  measurement.size = max_digest_size;  // in: room; out: bytes used
  return system_call(SYS_ioctl, fd, FS_IOC_MEASURE_VERITY, &measurement);
}

long LinuxKernel::mount(const char* source, const char* target, const char* type, unsigned long flags,
                        const char* options) {
  return system_call(SYS_mount, source, target, type, flags, options);
}

long LinuxKernel::unmount(const char* target) { return system_call(SYS_umount2, target, detach_flag); }

long LinuxKernel::fs_open(const char* type) { return system_call(SYS_fsopen, type, FSOPEN_CLOEXEC); }

long LinuxKernel::fs_set(int fs, const char* key, const char* value) {
  return system_call(SYS_fsconfig, fs, value == nullptr ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING, key, value, 0);
}

long LinuxKernel::fs_create(int fs) { return system_call(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0); }

long LinuxKernel::fs_mount(int fs, std::uint64_t attributes) {
  return system_call(SYS_fsmount, fs, FSMOUNT_CLOEXEC, attributes);
}

long LinuxKernel::fs_message(int fs, std::span<std::uint8_t> into) {
  return system_call(SYS_read, fs, into.data(), into.size());
}

long LinuxKernel::clone_mount(int directory, const char* path) {
  return system_call(SYS_open_tree, directory, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
}

long LinuxKernel::restrict_mount(int mount, std::uint64_t attributes) {
  mount_attr change{};
  change.attr_set = attributes;
  // A copy of a shared mount would repeat whatever is mounted below it in the original, hidden under the new root.
  change.propagation = MS_PRIVATE;
  return system_call(SYS_mount_setattr, mount, "", AT_EMPTY_PATH, &change, sizeof(change));
}

long LinuxKernel::attach(int mount, int directory, const char* path) {
  return system_call(SYS_move_mount, mount, "", directory, path, MOVE_MOUNT_F_EMPTY_PATH);
}

long LinuxKernel::move(const char* mount_point, int directory, const char* path) {
  return system_call(SYS_move_mount, AT_FDCWD, mount_point, directory, path, 0);
}

long LinuxKernel::attach_loop(int control, int file) {
  // Another process may take the free device first; then there is another one.
  for (long result = -EBUSY;;) {
    const long number = system_call(SYS_ioctl, control, LOOP_CTL_GET_FREE, 0);
    if (number < 0) return number;
    const Path path = Path({"/dev/loop"}).append_number(static_cast<std::uint64_t>(number));
    const long device = open(working_directory, path.c_str(), O_RDONLY, PathRule::trusted);
    if (device < 0) return device;
    loop_config config{};
    config.fd = static_cast<unsigned>(file);
    config.info.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR;
    result = system_call(SYS_ioctl, device, LOOP_CONFIGURE, &config);
    if (result >= 0) return device;
    close(static_cast<int>(device));
    if (result != -EBUSY) return result;
  }
}

long LinuxKernel::load_module(int fd) { return system_call(SYS_finit_module, fd, "", 0); }

void LinuxKernel::sleep_milliseconds(unsigned duration) {
  const timespec time{.tv_sec = duration / 1000, .tv_nsec = static_cast<long>(duration % 1000) * 1'000'000};
  system_call(SYS_nanosleep, &time, nullptr);
}

long LinuxKernel::process_id() { return system_call(SYS_getpid); }

long LinuxKernel::change_root(int directory) {
  long result = system_call(SYS_fchdir, directory);
  if (result >= 0) result = system_call(SYS_chroot, ".");
  return result < 0 ? result : system_call(SYS_chdir, "/");
}

long LinuxKernel::execute(const char* path, const char* const* arguments, const char* const* environment) {
  return system_call(SYS_execve, path, arguments, environment);
}

void LinuxKernel::restart(bool power_off) {
  system_call(SYS_sync);
  const unsigned command = power_off ? LINUX_REBOOT_CMD_POWER_OFF : LINUX_REBOOT_CMD_RESTART;
  // Ending PID 1 would be a panic, and what follows that is not ours to choose: keep trying.
  for (;;) {
    system_call(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, command, nullptr);
    sleep_milliseconds(1000);
  }
}

void LinuxKernel::exit(int status) {
  for (;;) system_call(SYS_exit_group, status);
}

}  // namespace sealroot
