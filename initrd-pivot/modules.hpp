// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Kernel modules the builder put into the initramfs, in the order it worked out.
#pragma once

#include "initrd-pivot/failure.hpp"

namespace sealroot {

/// Loads what /modules.load names: one path a line, in order; a line that starts with `-` may fail. No such file: the
/// kernel has all it needs.
void load_modules(Boot& boot);

/// Calls `visit(path, may_fail)` for each line of a module list.
template <typename Visit>
void for_each_module(std::string_view list, Visit visit) {
  while (!list.empty()) {
    std::size_t size = list.find('\n');
    if (size == std::string_view::npos) size = list.size();
    std::string_view line(list.data(), size);
    list.remove_prefix(size == list.size() ? size : size + 1);
    const bool may_fail = line.starts_with('-');
    if (may_fail) line.remove_prefix(1);
    if (!line.empty()) visit(line, may_fail);
  }
}

}  // namespace sealroot
