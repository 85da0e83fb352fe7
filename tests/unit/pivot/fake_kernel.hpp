// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// A kernel for the pivot's unit tests: files by path, a record of every call, and any call can be made to fail.
// What the real kernel makes of the mounts is tested in tests/vm.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "initrd-pivot/kernel.hpp"

namespace sealroot {

/// How a run of the pivot ended.
struct Ended {
  std::string how;  // "reboot", "poweroff", "exit", "execute"
  int status = 0;   // of "exit"
};

class FakeKernel final : public Kernel {
 public:
  /// A machine that boots: config, command line, one disk with an ESP and a root partition, a sealed image.
  static FakeKernel machine();

  // The world; tests change it before they run the pivot.
  std::map<std::string, std::string> files;               // content by absolute path
  std::map<std::string, std::vector<std::string>> lists;  // names in directories that are read
  std::map<std::string, FileStatus> statuses;             // other than root's 0755 directories and 0644 files
  std::map<std::string, long> failures;                   // negative errno by call, as `calls` spells it
  std::map<std::string, unsigned> failure_limit;          // how often a failure happens; always if not named
  std::map<std::string, Measurement> measurements;        // by path; others have no verity
  std::string fs_log;                                     // what a file system context has to say
  long pid = 1;
  int mounted_on_sysroot = 1;  // the root partition, from the start: `mount` does not count it

  // What happened.
  std::vector<std::string> calls;  // "mount ext4 /sysroot", "beneath <path>", "fs_set overlay verity=require", ...
  std::string console;             // what was written to standard output, standard error or /dev/console
  std::string kernel_log;          // what was written to /dev/kmsg
  std::map<std::string, std::string> written;  // to other files, by path
  unsigned slept_milliseconds = 0;
  std::vector<std::string> arguments;  // of execute

  /// Runs the pivot as /init, or as a command with `command` after its name.
  Ended boot(const std::vector<std::string>& kernel_arguments = {"/init"});
  Ended run(const std::vector<std::string>& command);

  /// Position of a call, -1 if it was not made.
  long position(const std::string& call) const;
  bool called(const std::string& call) const { return position(call) >= 0; }
  /// Number of calls that start with `prefix`.
  std::size_t count(const std::string& prefix) const;

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
  long execute(const char* path, const char* const* argument_list, const char* const* environment) override;
  [[noreturn]] void restart(bool power_off) override;
  [[noreturn]] void exit(int status) override;

 private:
  long record(const std::string& call, long result = 0);  // notes the call; its failure, else `result`
  long new_fd(const std::string& name);
  std::string resolve(int directory, const char* path) const;
  std::string source(const std::string& options) const;  // with /proc/self/fd/N replaced by names

  std::map<int, std::string> open_files_;
  std::map<int, bool> listed_;
  int next_fd_ = 3;
};

/// Digest of the image in FakeKernel::machine(), its path below the root partition, the signed command line, and the
/// text of /sealroot.conf.
inline const std::string good_hex = "ab" + std::string(126, '1');
inline const std::string good_image = "composefs/objects/ab/" + std::string(126, '1');
inline const std::string good_line =
    "console=ttyS0 composefs.digest=v1-sha512-12:" + good_hex + " quiet opt=\"two words\"";
inline const std::string good_config = "version=1\ndigest=v1-sha512-12:" + good_hex + "\ncmdline=" + good_line +
                                       "\netc=overlay\nvar=bind\non-failure=reboot\ninit=/sbin/init\nhandover=none\n";
Measurement measurement_of(const std::string& hex);

/// Start of a disk with a GPT; partitions are (type, unique GUID) pairs.
std::string gpt_disk(const std::vector<std::pair<std::string, std::string>>& partitions, std::size_t sector_size = 512);
inline const std::string esp_type = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";
/// Unique GUID of the ESP in FakeKernel::machine().
inline const std::string esp_guid = "11111111-2222-3333-4444-555555555555";

}  // namespace sealroot
