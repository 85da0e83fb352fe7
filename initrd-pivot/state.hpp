// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The writable parts: /etc and /var over directories of the root partition, or over memory.
#pragma once

#include "initrd-pivot/failure.hpp"
#include "initrd-pivot/plan.hpp"

namespace sealroot {

/// Opens the directory `path` below `physical`, which anybody may have prepared who had the disk: no links, no mount
/// points; every component a directory of root that nobody else can write. Missing ones are made with mode 0755
/// if `create`. Refuses with code 16. Returns an O_PATH fd.
int open_state_directory(Boot& boot, int physical, std::string_view path, bool create);

/// Mounts /etc and /var of the new root as the plan says. `new_root` and `physical` are attached.
void mount_state(Boot& boot, const Plan& plan, int new_root, int physical);

}  // namespace sealroot
