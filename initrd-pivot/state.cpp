// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "initrd-pivot/state.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

namespace sealroot {
namespace {

constexpr unsigned long state_flags = mount_no_set_id | mount_no_devices;
constexpr unsigned others_write = S_IWGRP | S_IWOTH;

[[noreturn]] void fail_state(Boot& boot, std::string_view path, long error) {
  boot.fail(Code::state, {"state dir: ", describe(error).view(), ": ", path});
}

void check_owner(Boot& boot, int physical, std::string_view path) {
  const Path name{path};
  FileStatus status;
  if (const long result = boot.kernel.status(physical, name.c_str(), status); result < 0) {
    fail_state(boot, path, result);
  }
  if (status.owner != 0) boot.fail(Code::state, {"state dir: owner is not root: ", path});
  if ((status.mode & others_write) != 0) boot.fail(Code::state, {"state dir: writable by others: ", path});
}

// Calls `visit` with each leading part of `path`: a, a/b, a/b/c.
template <typename Visit>
void for_each_prefix(std::string_view path, Visit visit) {
  for (std::size_t end = 0; end <= path.size(); ++end) {
    if (end == path.size() || path[end] == '/') visit(std::string_view(path.data(), end));
  }
}

// A link is refused by the rule. O_NOFOLLOW would only make the kernel say "not a directory" in place of "symlink".
long open_beneath(Boot& boot, int physical, std::string_view path) {
  const Path name{path};
  return boot.kernel.open(physical, name.c_str(), O_PATH | O_DIRECTORY, PathRule::beneath);
}

// Makes each missing directory relative to its parent's fd, so that no component is ever resolved through a link.
void create_directories(Boot& boot, int physical, std::string_view path) {
  int parent = physical;
  std::size_t begin = 0;
  for_each_prefix(path, [&](std::string_view prefix) {
    const Path name{std::string_view(prefix.data() + begin, prefix.size() - begin)};
    begin = prefix.size() + 1;
    const long made = boot.kernel.make_directory(parent, name.c_str(), 0755);
    if (made < 0 && made != -EEXIST) fail_state(boot, prefix, made);
    const long fd = open_beneath(boot, parent, name.view());
    if (fd < 0) fail_state(boot, prefix, fd);
    parent = static_cast<int>(fd);
  });
}

int open_mount_point(Boot& boot, int new_root, std::string_view name) {
  const long fd = open_beneath(boot, new_root, name);
  if (fd < 0) boot.fail(Code::state, {"image: /", name}, fd);
  return static_cast<int>(fd);
}

// The copy has the flags of the root partition's mount, nosuid and nodev among them.
void bind_state(Boot& boot, int source, int new_root, const char* name) {
  const long copy = boot.kernel.clone_mount(source, "");
  if (copy < 0) boot.fail(Code::state, {"state: /", name}, copy);
  const long result = boot.kernel.attach(static_cast<int>(copy), new_root, name);
  if (result < 0) boot.fail(Code::state, {"state: mounting /", name}, result);
}

void mount_tmpfs(Boot& boot, int mount_point, const char* name) {
  const long result =
      boot.kernel.mount("tmpfs", descriptor_path(mount_point).c_str(), "tmpfs", state_flags, "mode=0755");
  if (result < 0) boot.fail(Code::state, {"state: tmpfs on /", name}, result);
}

void mount_etc_overlay(Boot& boot, int etc, int upper, int work) {
  const Text<511> options{"lowerdir=", descriptor_path(etc).view(),  ",upperdir=", descriptor_path(upper).view(),
                          ",workdir=", descriptor_path(work).view(), ",",          etc_options};
  const long result =
      boot.kernel.mount("sealroot-etc", descriptor_path(etc).c_str(), "overlay", state_flags, options.c_str());
  if (result < 0) boot.fail(Code::state, {"state: overlay on /etc"}, result);
}

void mount_persistent_etc(Boot& boot, const Plan& plan, int new_root, int physical) {
  const int etc = open_mount_point(boot, new_root, "etc");
  const int state = open_state_directory(boot, physical, plan.state.etc.view(), true);
  const int upper = open_state_directory(boot, state, "upper", true);
  const int work = open_state_directory(boot, state, "work", true);
  mount_etc_overlay(boot, etc, upper, work);
}

// In the layout of other tools a deployment's own /var may be a link to the common one: it is known where that leads,
// so it is not followed.
const Path& choose_var(Boot& boot, const Plan& plan, int physical) {
  if (plan.state.own_var.view().empty()) return plan.state.var;
  const long fd = open_beneath(boot, physical, plan.state.own_var.view());
  return fd == -ELOOP || fd == -ENOENT ? plan.state.var : plan.state.own_var;
}

// The tmpfs stays attached below the overlay: before 6.15 a layer must be in an attached mount, and unmounting it
// afterwards would take its topmost mount, the overlay.
void mount_transient_etc(Boot& boot, int new_root) {
  const int etc = open_mount_point(boot, new_root, "etc");
  mount_tmpfs(boot, etc, "etc");
  const long memory =
      boot.kernel.open(new_root, "etc", O_PATH | O_DIRECTORY | O_NOFOLLOW, PathRule::trusted);  // the tmpfs, not `etc`
  if (memory < 0) boot.fail(Code::state, {"state: tmpfs on /etc"}, memory);
  const int upper = open_state_directory(boot, static_cast<int>(memory), "upper", true);
  const int work = open_state_directory(boot, static_cast<int>(memory), "work", true);
  mount_etc_overlay(boot, etc, upper, work);
}

}  // namespace

int open_state_directory(Boot& boot, int physical, std::string_view path, bool create) {
  long fd = open_beneath(boot, physical, path);
  if (fd == -ENOENT && create) {
    create_directories(boot, physical, path);
    fd = open_beneath(boot, physical, path);
  }
  if (fd < 0) fail_state(boot, path, fd);
  for_each_prefix(path, [&](std::string_view prefix) { check_owner(boot, physical, prefix); });
  return static_cast<int>(fd);
}

void mount_state(Boot& boot, const Plan& plan, int new_root, int physical) {
  boot.facts.stage = Stage::state;
  switch (plan.etc) {
    case StateMode::overlay:
      mount_persistent_etc(boot, plan, new_root, physical);
      break;
    case StateMode::transient:
      mount_transient_etc(boot, new_root);
      break;
    case StateMode::bind:
      bind_state(boot, open_state_directory(boot, physical, plan.state.etc.view(), false), new_root, "etc");
      break;
    case StateMode::none:
      break;
  }
  if (plan.var == StateMode::bind) {
    const Path& var = choose_var(boot, plan, physical);
    bind_state(boot, open_state_directory(boot, physical, var.view(), true), new_root, "var");
  }
  if (plan.var == StateMode::transient) mount_tmpfs(boot, open_mount_point(boot, new_root, "var"), "var");
}

}  // namespace sealroot
