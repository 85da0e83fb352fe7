// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "initrd-pivot/execute.hpp"

#include <fcntl.h>

#include <array>
#include <cerrno>
#include <cstdint>

#include "initrd-pivot/mount_api.hpp"
#include "initrd-pivot/state.hpp"

namespace sealroot {
namespace {

int open_physical_root(Boot& boot) {
  boot.facts.stage = Stage::root_partition;
  const Path path{boot.sysroot};
  const long fd = boot.kernel.open(Kernel::working_directory, path.c_str(), O_PATH | O_DIRECTORY, PathRule::trusted);
  if (fd < 0) boot.fail(Code::image_missing, {"opening ", boot.sysroot}, fd);
  return static_cast<int>(fd);
}

void attach_at_sysroot(Boot& boot, int mount, Code code) {
  const Path path{boot.sysroot};
  const long result = boot.kernel.attach(mount, Kernel::working_directory, path.c_str());
  if (result < 0) boot.fail(code, {"mounting on ", boot.sysroot}, result);
}

void detach_from_sysroot(Boot& boot) {
  const Path path{boot.sysroot};
  const long result = boot.kernel.unmount(path.c_str());
  if (result < 0) boot.fail(Code::overlay, {"unmounting ", boot.sysroot}, result);
}

// The overlay keeps its layers alive by itself; the image's mount is only needed in the tree while it is made, and
// sysroot, which nobody uses yet, is a place for it that always exists.
int mount_verified_root(Boot& boot, const Plan& plan, int physical) {
  const int image = open_measured_image(boot, plan, physical);
  const long objects =
      boot.kernel.open(physical, plan.objects.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW, PathRule::beneath);
  if (objects < 0) boot.fail(Code::image_missing, {plan.objects.view()}, objects);
  const int image_mount = mount_image(boot, image);
  attach_at_sysroot(boot, image_mount, Code::image);
  const int new_root = mount_new_root(boot, plan, image_mount, static_cast<int>(objects));
  detach_from_sysroot(boot);
  return new_root;
}

// A copy of the root partition's mount for the new root's /sysroot.
int clone_physical_root(Boot& boot, const Plan& plan, int physical) {
  const long copy = boot.kernel.clone_mount(physical, "");
  if (copy < 0) boot.fail(Code::overlay, {"copying the mount of ", boot.sysroot}, copy);
  // As PID 1 we mounted it ourselves with these flags already.
  if (boot.first_process) return static_cast<int>(copy);
  const unsigned long flags = mount_no_set_id | mount_no_devices | (plan.writable ? 0 : mount_read_only);
  const long result = boot.kernel.restrict_mount(static_cast<int>(copy), flags);
  if (result < 0) boot.fail(Code::overlay, {"restricting the mount of ", boot.sysroot}, result);
  return static_cast<int>(copy);
}

}  // namespace

int compose_new_root(Boot& boot, const Plan& plan) {
  const int physical = open_physical_root(boot);
  const int new_root = mount_verified_root(boot, plan, physical);
  const int copy = clone_physical_root(boot, plan, physical);
  // In the command form the root partition stays below the new root: systemd watches the mount table, and a moment
  // without anything on sysroot would stop the units that need it.
  if (boot.first_process) detach_from_sysroot(boot);
  attach_at_sysroot(boot, new_root, Code::overlay);
  const long placed = boot.kernel.attach(copy, new_root, "sysroot");
  if (placed < 0) boot.fail(Code::state, {"image: /sysroot"}, placed);
  mount_state(boot, plan, new_root, copy);
  return new_root;
}

void check_first_program(Boot& boot, int new_root, std::string_view init) {
  boot.facts.stage = Stage::start;
  const Path path{init};
  const long fd = boot.kernel.open(new_root, path.c_str(), O_RDONLY | O_NONBLOCK, PathRule::inside);
  if (fd == -ENOENT) return;
  std::array<std::uint8_t, 1> first{};
  const long result = fd < 0 ? fd : boot.kernel.read(static_cast<int>(fd), first, 0);
  if (result < 0) boot.fail(Code::overlay, {"init ", init}, result);
  boot.kernel.close(static_cast<int>(fd));
}

void report_new_root(Boot& boot, const Plan& plan) {
  Reason verified{plan.unsealed ? "root UNSEALED " : "root verified ", algorithm_name(plan.digest.algorithm()), ":"};
  boot.log.say(Log::info, verified.append_hex(plan.digest.bytes()).view());
  const Reason state{"etc=", state_mode_name(plan.etc), " var=", state_mode_name(plan.var)};
  boot.log.say(Log::info, state.view());
}

}  // namespace sealroot
