// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "upgrade/soft_reboot/next_root.hpp"

#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "initrd-pivot/config.hpp"
#include "initrd-pivot/execute.hpp"
#include "initrd-pivot/failure.hpp"
#include "initrd-pivot/linux_kernel.hpp"
#include "initrd-pivot/plan.hpp"
#include "store/core/error.hpp"

namespace sealroot {
namespace {

// The copy and what the pivot stacks on it, and what an attempt that was killed left.
constexpr int most_mounts = 16;

/// Private, so that what the pivot mounts on it shows in no other namespace and stays when this one is cleared.
void attach_copy_of_sysroot(Boot& boot, int sysroot) {
  Kernel& kernel = boot.kernel;
  const long made = kernel.make_directory(Kernel::working_directory, next_root_path, 0755);
  if (made < 0 && made != -EEXIST) boot.fail(Code::overlay, {"creating ", next_root_path}, made);
  const long copy = kernel.clone_mount(sysroot, "");
  if (copy < 0) boot.fail(Code::overlay, {"copying the mount of the root partition"}, copy);
  const auto make_private = [&] {
    const long result = kernel.restrict_mount(static_cast<int>(copy), mount_no_set_id | mount_no_devices);
    if (result < 0) boot.fail(Code::overlay, {"restricting the mount of the root partition"}, result);
  };
  make_private();
  const long attached = kernel.attach(static_cast<int>(copy), Kernel::working_directory, next_root_path);
  if (attached < 0) boot.fail(Code::overlay, {"mounting on ", next_root_path}, attached);
  make_private();  // attached below a shared mount it has become one too
}

/// As run_as_command() of the pivot, with another place and nothing that ends the machine.
[[noreturn]] void run_pivot(int sysroot, std::string_view config_text) {
  LinuxKernel kernel;
  Boot boot{.kernel = kernel, .log = Log(kernel)};
  boot.sysroot = next_root_path;
  boot.log.open_standard_error(true);
  Config config;
  if (const auto refused = parse_config(config_text, config)) boot.fail(Code::sealed_config, {refused->view()});
  if (config.adopts_digest || config.unsealed) boot.fail(Code::sealed_config, {"not a sealed system"});
  const Plan plan = make_plan(config);
  attach_copy_of_sysroot(boot, sysroot);
  check_first_program(boot, compose_new_root(boot, plan), config.init);
  report_new_root(boot, plan);
  kernel.exit(0);
}

/// What the pivot said last, without its name.
std::string last_words(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  text.erase(0, text.rfind('\n') + 1);
  for (const std::string_view prefix : {"sealroot-pivot: ", "FATAL: "}) {
    if (text.starts_with(prefix)) text.erase(0, prefix.size());
  }
  return text.empty() ? "the pivot ended without a word" : text;
}

Fault fault_of(int status) {
  const bool refused = status == static_cast<int>(Code::no_verity) || status == static_cast<int>(Code::wrong_digest);
  return refused ? Fault::untrusted : Fault::os;
}

/// The pivot ends the process that it is in, and leaves its files open: so it gets one of its own.
void run_pivot_apart(const Fd& sysroot, const std::string& config) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) < 0) throw os_error("making a pipe");
  const Fd messages(ends[0]);
  Fd writing(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) throw os_error("starting the pivot");
  if (child == 0) {
    ::dup2(writing.get(), STDERR_FILENO);
    run_pivot(sysroot.get(), config);
  }
  writing = Fd();
  const Bytes said = read_all(messages);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) throw os_error("waiting for the pivot");
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  throw Error(WIFEXITED(status) ? fault_of(WEXITSTATUS(status)) : Fault::os, last_words(std::string(as_text(said))));
}

}  // namespace

void make_next_root(const Fd& sysroot, const std::string& config) {
  remove_next_root();
  during(next_root_path, [&] {
    try {
      run_pivot_apart(sysroot, config);
    } catch (const Error&) {
      remove_next_root();
      throw;
    }
  });
}

void remove_next_root() {
  for (int i = 0; i < most_mounts && ::umount2(next_root_path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0; ++i) continue;
}

}  // namespace sealroot
