// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "initrd-pivot/first_process.hpp"

#include <fcntl.h>

#include <array>
#include <cerrno>

#include "initrd-pivot/directory.hpp"

namespace sealroot {
namespace {

struct KernelFileSystem {
  const char* path;
  const char* name;
  const char* type;
  unsigned long flags;
};

constexpr std::array<KernelFileSystem, 3> kernel_file_systems{
    {{"/dev", "dev", "devtmpfs", mount_no_set_id},
     {"/proc", "proc", "proc", mount_no_set_id | mount_no_devices | mount_no_programs},
     {"/sys", "sys", "sysfs", mount_no_set_id | mount_no_devices | mount_no_programs}}};

// Mounts on `path`, making the directory only when it turns out to be missing.
long mount_at(Kernel& kernel, const char* source, const char* path, const char* type, unsigned long flags,
              const char* options) {
  const long result = kernel.mount(source, path, type, flags, options);
  if (result != -ENOENT || kernel.make_directory(Kernel::working_directory, path, 0755) < 0) return result;
  return kernel.mount(source, path, type, flags, options);
}

[[noreturn]] void become(Boot& boot, std::string_view init, const char* const* arguments,
                         const char* const* environment) {
  const Path program{init};
  std::array<const char*, 64> forwarded{program.c_str()};
  for (std::size_t i = 1; i + 1 < forwarded.size() && arguments[i - 1] != nullptr && arguments[i] != nullptr; ++i) {
    forwarded[i] = arguments[i];
  }
  boot.fail(Code::overlay, {"init ", init}, boot.kernel.execute(program.c_str(), forwarded.data(), environment));
}

// Calls `visit` with the path of each entry of the directory; false if it is none.
template <typename Visit>
bool for_each_entry(Boot& boot, const Path& directory, Visit visit) {
  const long fd =
      boot.kernel.open(Kernel::working_directory, directory.c_str(), O_RDONLY | O_DIRECTORY, PathRule::trusted);
  if (fd == -ENOENT || fd == -ENOTDIR) return false;
  const long result = fd < 0 ? fd : for_each_name(boot.kernel, static_cast<int>(fd), [&](std::string_view name) {
    if (name != "." && name != "..") visit(Path{directory.view(), "/", name});
  });
  if (result < 0) boot.fail(Code::sealed_config, {"listing ", directory.view()}, result);
  return true;
}

// systemd-stub packs files that lie beside the UKI on the ESP into folders of /.extra. Nobody signed them, and systemd
// makes units, mounts and accounts of credentials. Files that stand in /.extra itself are sections of the UKI.
void drop_unsigned_files(Boot& boot) {
  for_each_entry(boot, Path{"/.extra"}, [&](const Path& folder) {
    bool found = false;
    for_each_entry(boot, folder, [&](const Path& file) {
      const long result = boot.kernel.remove(file.c_str());
      if (result < 0) boot.fail(Code::sealed_config, {"dropping a file that nobody signed: ", file.view()}, result);
      found = true;
    });
    if (found) boot.log.say(Log::warning, Reason{"ignored files that nobody signed: ", folder.view()}.view());
  });
}

}  // namespace

void mount_kernel_file_systems(Boot& boot) {
  for (const KernelFileSystem& each : kernel_file_systems) {
    const long result = mount_at(boot.kernel, each.type, each.path, each.type, each.flags, nullptr);
    // Busy: the kernel mounted /dev itself (CONFIG_DEVTMPFS_MOUNT).
    if (result < 0 && result != -EBUSY) boot.fail(Code::sealed_config, {"mounting ", each.path}, result);
  }
}

void hand_over(Boot& boot, std::string_view program, const char* const* arguments, const char* const* environment) {
  drop_unsigned_files(boot);
  for (auto each = kernel_file_systems.rbegin(); each != kernel_file_systems.rend(); ++each) {
    boot.kernel.unmount(each->path);
  }
  become(boot, program, arguments, environment);
}

void mount_root_partition(Boot& boot, const Plan& plan, const char* device) {
  boot.facts.root = Path{device};
  const unsigned long flags = mount_no_set_id | mount_no_devices | (plan.writable ? 0 : mount_read_only);
  const Path path{boot.sysroot};
  long result = mount_at(boot.kernel, device, path.c_str(), "ext4", flags, "errors=remount-ro");
  if (result == -EINVAL || result == -ENODEV) {
    result = mount_at(boot.kernel, device, path.c_str(), "btrfs", flags, nullptr);
  }
  if (result < 0) boot.fail(Code::image_missing, {"mounting the root partition ", device}, result);
}

void switch_root(Boot& boot, int new_root, std::string_view init, const char* const* arguments,
                 const char* const* environment) {
  boot.facts.stage = Stage::start;
  Kernel& kernel = boot.kernel;
  for (const KernelFileSystem& each : kernel_file_systems) {
    const long result = kernel.move(each.path, new_root, each.name);
    if (result < 0) boot.fail(Code::overlay, {"image: ", each.path}, result);
  }
  // What remains of the initramfs is one page of config: load_modules() has removed the modules.
  kernel.remove("/init");
  if (const long result = kernel.move(Path{boot.sysroot}.c_str(), Kernel::working_directory, "/"); result < 0) {
    boot.fail(Code::overlay, {"moving the new root to /"}, result);
  }
  if (const long result = kernel.change_root(new_root); result < 0) {
    boot.fail(Code::overlay, {"entering the new root"}, result);
  }
  become(boot, init, arguments, environment);
}

}  // namespace sealroot
