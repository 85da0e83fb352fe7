// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Which kernel modules the minimal initramfs needs, and in which order they load, by the lists that depmod left beside
// the modules (modules.dep(5), modules.builtin, modules.softdep). The lists come out of the container image.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sealroot {

/// Contents of the lists of one kernel; the last two may be empty.
struct ModuleLists {
  std::string kernel_version;  // for messages
  std::string dependencies;    // modules.dep
  std::string builtin;         // modules.builtin
  std::string soft;            // modules.softdep
};

struct WantedModule {
  std::string name;  // `-` and `_` are the same
  bool required = false;
};

struct ModuleToLoad {
  std::string name;  // with `_`
  std::string path;  // below /usr/lib/modules/VERSION, as in modules.dep
  bool required = false;
};

/// What finding and mounting a sealed root on common virtual machines and hardware takes: the file systems (required),
/// storage drivers, and the fast forms of the hashes that fs-verity and the file systems use.
std::vector<WantedModule> default_modules(std::string_view kernel_version);

/// The wanted modules with all they depend on, each once, dependencies first; what is built in is left out. Soft
/// dependencies (`pre:`) are taken along if there are any, but never required.
///   throws  Error{missing}: a required module is neither there nor built in; Error{malformed}: a list is no such list
std::vector<ModuleToLoad> plan_modules(const ModuleLists& lists, std::span<const WantedModule> wanted);

}  // namespace sealroot
