// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// What can be seen of a host only while it runs.
#pragma once

#include <string>

#include "upgrade/host/host.hpp"

namespace sealroot {

/// Whether this program runs on it; also where somebody names the partition of this very system with --sysroot.
bool is_running(const Host& host);

/// Whether the root is an overlay whose files the kernel takes only with fs-verity, as the pivot mounts a sealed one.
///   mountinfo  text of /proc/self/mountinfo
bool root_requires_verity(const std::string& mountinfo);

}  // namespace sealroot
