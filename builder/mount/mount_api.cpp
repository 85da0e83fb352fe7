// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/mount/mount_api.hpp"

#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>

#include "store/core/error.hpp"

namespace sealroot {

namespace {

/// What the errno alone does not tell.
std::string hint(int error_number) {
  switch (error_number) {
    case EPERM:
      return ", which needs the capability CAP_SYS_ADMIN of the initial user namespace";
    case ENODEV:
      return ": this kernel has no such file system; is its module loaded?";
    case ENOSYS:
      return ": this kernel is too old for it";
    default:
      return {};
  }
}

Error mount_error(const std::string& what, int error_number) {
  const Error plain = os_error(what, error_number);
  return {plain.fault(), plain.what() + hint(error_number)};
}

/// The messages that the file system left, "; " between them, without the letter of their level.
std::string messages_of(const Fd& context) {
  std::string all;
  std::array<char, 512> line{};
  for (;;) {
    const ssize_t size = ::read(context.get(), line.data(), line.size());
    if (size <= 0) return all;
    std::string_view text(line.data(), static_cast<std::size_t>(size));
    if (text.size() > 2 && text[1] == ' ') text.remove_prefix(2);
    if (text.ends_with('\n')) text.remove_suffix(1);
    if (!all.empty()) all += "; ";
    all += text;
  }
}

}  // namespace

NewFileSystem::NewFileSystem(const std::string& type) : type_(type), context_(::fsopen(type.c_str(), FSOPEN_CLOEXEC)) {
  if (!context_) throw mount_error("mounting a file system of type " + type_, errno);
}

void NewFileSystem::fail(const std::string& step, int error_number) const {
  const std::string messages = messages_of(context_);
  const std::string what = type_ + ": " + step + (messages.empty() ? "" : ": " + messages);
  throw mount_error(what, error_number);
}

void NewFileSystem::set(const std::string& key, const std::string& value) {
  if (::fsconfig(context_.get(), FSCONFIG_SET_STRING, key.c_str(), value.c_str(), 0) < 0)
    fail(key + "=" + value, errno);
}

void NewFileSystem::set_flag(const std::string& key) {
  if (!try_set_flag(key)) fail(key, errno);
}

bool NewFileSystem::try_set_flag(const std::string& key) {
  return ::fsconfig(context_.get(), FSCONFIG_SET_FLAG, key.c_str(), nullptr, 0) == 0;
}

bool NewFileSystem::try_create() {
  if (::fsconfig(context_.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0) return true;
  if (errno == ENOTBLK) return false;
  fail("mounting", errno);
}

void NewFileSystem::create() {
  if (!try_create()) fail("mounting", ENOTBLK);
}

Fd NewFileSystem::mount(bool read_only) {
  Fd mount(::fsmount(context_.get(), FSMOUNT_CLOEXEC, read_only ? MOUNT_ATTR_RDONLY : 0));
  if (!mount) fail("mounting", errno);
  return mount;
}

void attach_mount(const Fd& mount, const Fd& place) {
  constexpr unsigned both_empty = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
  if (::move_mount(mount.get(), "", place.get(), "", both_empty) < 0) throw mount_error("attaching the mount", errno);
}

void detach_mount(const Fd& mount) {
  if (::umount2(descriptor_path(mount).c_str(), MNT_DETACH) < 0) throw mount_error("detaching the mount", errno);
}

void map_mount_ids(const Fd& mount, const Fd& user_namespace) {
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_IDMAP;
  attributes.userns_fd = static_cast<std::uint64_t>(user_namespace.get());
  if (::mount_setattr(mount.get(), "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0) {
    throw mount_error("mapping the owners of files", errno);
  }
}

Fd attach_loop_device(const Fd& file) {
  const Fd control = open_at(working_directory(), "/dev/loop-control", O_RDWR);
  loop_config config{};
  config.fd = static_cast<std::uint32_t>(file.get());
  config.info.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR;
  for (;;) {
    const int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
    if (number < 0) throw mount_error("finding a free loop device", errno);
    Fd loop = open_at(working_directory(), "/dev/loop" + std::to_string(number), O_RDONLY);
    if (::ioctl(loop.get(), LOOP_CONFIGURE, &config) == 0) return loop;
    if (errno != EBUSY) throw mount_error("attaching a loop device", errno);  // EBUSY: somebody was quicker
  }
}

std::string descriptor_path(const Fd& file) { return "/proc/self/fd/" + std::to_string(file.get()); }

}  // namespace sealroot
