// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "initrd-pivot/modules.hpp"

#include <fcntl.h>

#include <array>
#include <cerrno>

namespace sealroot {

void load_modules(Boot& boot) {
  static std::array<std::uint8_t, 16 * 1024> list;
  boot.facts.stage = Stage::modules;
  Kernel& kernel = boot.kernel;
  const long fd = kernel.open(Kernel::working_directory, "/modules.load", O_RDONLY, PathRule::trusted);
  if (fd == -ENOENT) return;
  const long size = fd < 0 ? fd : kernel.read(static_cast<int>(fd), list, 0);
  if (size < 0) boot.fail(Code::sealed_config, {"reading /modules.load"}, size);
  if (static_cast<std::size_t>(size) == list.size()) boot.fail(Code::sealed_config, {"/modules.load: too large"});
  const std::string_view text = as_text(ByteView(list).first(static_cast<std::size_t>(size)));
  for_each_module(text, [&](std::string_view path, bool may_fail) {
    const Path file{path};
    const long module = kernel.open(Kernel::working_directory, file.c_str(), O_RDONLY, PathRule::trusted);
    const long loaded = module < 0 ? module : kernel.load_module(static_cast<int>(module));
    if (boot.first_process) kernel.remove(file.c_str());  // its memory is worth more to the running system
    if (loaded >= 0 || loaded == -EEXIST || may_fail) return;
    boot.fail(Code::sealed_config, {"module ", path}, loaded);
  });
}

}  // namespace sealroot
