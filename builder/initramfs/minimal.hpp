// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The minimal initramfs: the pivot as /init, the modules it loads, and nothing else: no shell, no tools, no library.
//   /init  /modules.load  /lib/modules/NAME.ko  /dev/console  and empty /dev /proc /run /sys /sysroot
// The sealed configuration (sealed_config.hpp) follows as an archive of its own.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "builder/initramfs/modules.hpp"
#include "store/core/bytes.hpp"
#include "store/core/fd.hpp"

namespace sealroot {

/// The modules directory of one kernel.
struct KernelModules {
  std::string version;  // name of the directory below /usr/lib/modules
  /// Content of a file below that directory; nullopt if there is none. The path is as untrusted as the modules are: it
  /// may hold `..`.
  std::function<std::optional<Bytes>(std::string_view path)> read;
};

/// The archive, uncompressed, a multiple of 4 bytes long. With Debian's 6.12 cloud kernel it has 4.3 MB plus the pivot;
/// compress_initramfs() makes it 0.9 MB.
///   pivot   static program that becomes /init
///   throws  Error{missing}: a required module, or modules.dep; Error{malformed}: a list or module that is damaged
///
/// /modules.load names one module a line in the order of loading, as an absolute path; a `-` in front says that the
/// boot goes on if it can't be loaded (no such device or processor feature).
Bytes make_minimal_initramfs(const KernelModules& modules, ByteView pivot, const std::vector<WantedModule>& wanted);

/// The same with default_modules().
Bytes make_minimal_initramfs(const KernelModules& modules, ByteView pivot);

}  // namespace sealroot
