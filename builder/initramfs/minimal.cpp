// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/initramfs/minimal.hpp"

#include "builder/initramfs/cpio.hpp"
#include "builder/initramfs/module_file.hpp"
#include "store/core/error.hpp"

namespace sealroot {
namespace {

constexpr const char* module_directory = "lib/modules";
constexpr std::size_t max_load_list = 16384;  // the pivot reads it into a buffer of this size

struct ModuleFile {
  std::string path;  // in the archive
  bool required;
  Bytes content;
};

ModuleLists read_lists(const KernelModules& modules) {
  const auto text = [&](std::string_view name) {
    const auto content = modules.read(name);
    return content ? std::string(as_text(*content)) : std::string();
  };
  ModuleLists lists{modules.version, text("modules.dep"), text("modules.builtin"), text("modules.softdep")};
  if (lists.dependencies.empty() && lists.builtin.empty()) {
    throw Error(Fault::missing, "modules of kernel " + quoted(modules.version) +
                                    ": neither modules.dep nor modules.builtin is there (depmod makes the first)");
  }
  return lists;
}

std::vector<ModuleFile> read_modules(const KernelModules& modules, const std::vector<WantedModule>& wanted) {
  std::vector<ModuleFile> files;
  for (const ModuleToLoad& module : plan_modules(read_lists(modules), wanted)) {
    const std::string label = "module " + quoted(module.path) + " of kernel " + quoted(modules.version);
    const auto content = modules.read(module.path);
    if (!content && module.required) throw Error(Fault::missing, label + ": modules.dep names it, but it is not there");
    if (!content) continue;
    files.push_back({std::string(module_directory) + "/" + module.name + ".ko", module.required,
                     during(label, [&] { return unpack_module(*content); })});
  }
  return files;
}

void add_skeleton(CpioWriter& archive) {
  for (const char* const directory : {"dev", "lib", module_directory, "proc", "run", "sys", "sysroot"}) {
    archive.add_directory(directory);
  }
  // Without it the kernel starts /init with no standard output.
  archive.add_character_device("dev/console", 0600, 5, 1);
}

}  // namespace

Bytes make_minimal_initramfs(const KernelModules& modules, ByteView pivot, const std::vector<WantedModule>& wanted) {
  const std::vector<ModuleFile> files = read_modules(modules, wanted);
  std::string load;
  CpioWriter archive;
  add_skeleton(archive);
  for (const ModuleFile& file : files) {
    load.append(file.required ? "" : "-").append("/").append(file.path).append("\n");
    archive.add_file(file.path, file.content);
  }
  if (load.size() >= max_load_list) throw Error(Fault::malformed, "initramfs: more modules than the pivot loads");
  archive.add_file("modules.load", as_bytes(load));
  archive.add_file("init", pivot, 0755);
  return archive.finish();
}

Bytes make_minimal_initramfs(const KernelModules& modules, ByteView pivot) {
  return make_minimal_initramfs(modules, pivot, default_modules(modules.version));
}

}  // namespace sealroot
