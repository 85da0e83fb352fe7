// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// What can be seen of a host only while it runs.
#pragma once

#include <optional>
#include <string>

#include "upgrade/host/host.hpp"

namespace sealroot {

/// Whether this program runs on it; also where somebody names the partition of this very system with --sysroot.
bool is_running(const Host& host);

/// Whether the root is an overlay whose files the kernel takes only with fs-verity, as the pivot mounts a sealed one.
///   mountinfo  text of /proc/self/mountinfo
bool root_requires_verity(const std::string& mountinfo);

/// The image that such a root was made of: the pivot names the mount after the digest that it measured. nullopt: it was
/// mounted by another program, or does not require fs-verity.
std::optional<Digest> root_image(const std::string& mountinfo);

/// Where a soft reboot leaves a mark, in memory: it goes with the kernel that it happened under.
inline constexpr const char* soft_reboot_folder = "/run/sealroot";
inline constexpr const char* soft_reboot_mark = "soft-rebooted";

/// The image that the last soft reboot led to; nullopt: there was none.
std::optional<Digest> read_soft_reboot_mark(const std::string& folder);

}  // namespace sealroot
