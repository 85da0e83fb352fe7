// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The real kernel: each call of the interface as one system call (two or three where named), made directly because the
// program has no C library.
#pragma once

#include "initrd-pivot/kernel.hpp"

namespace sealroot {

class LinuxKernel final : public Kernel {
 public:
  long open(int directory, const char* path, int flags, PathRule rule) override;
  void close(int fd) override;
  long read(int fd, std::span<std::uint8_t> into, std::uint64_t offset) override;
  long write(int fd, std::string_view text) override;
  long list(int fd, std::span<std::uint8_t> into) override;
  long status(int directory, const char* path, FileStatus& status) override;
  long make_directory(int directory, const char* path, unsigned mode) override;
  long remove(const char* path) override;
  long duplicate(int fd, int onto) override;
  long measure(int fd, Measurement& measurement) override;
  long mount(const char* source, const char* target, const char* type, unsigned long flags,
             const char* options) override;
  long unmount(const char* target) override;
  long fs_open(const char* type) override;
  long fs_set(int fs, const char* key, const char* value) override;
  long fs_create(int fs) override;
  long fs_mount(int fs, std::uint64_t attributes) override;
  long fs_message(int fs, std::span<std::uint8_t> into) override;
  long clone_mount(int directory, const char* path) override;
  long restrict_mount(int mount, std::uint64_t attributes) override;
  long attach(int mount, int directory, const char* path) override;
  long move(const char* mount_point, int directory, const char* path) override;
  long attach_loop(int control, int file) override;
  long load_module(int fd) override;
  void sleep_milliseconds(unsigned duration) override;
  long process_id() override;
  long change_root(int directory) override;
  long execute(const char* path, const char* const* arguments, const char* const* environment) override;
  [[noreturn]] void restart(bool power_off) override;
  [[noreturn]] void exit(int status) override;
};

}  // namespace sealroot
