// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Whether a system can take over from a running kernel as if its own UKI had started it: what that UKI would have
// brought along besides the image must be there already, byte for byte.
//
//   .linux .ucode .dtb ...      equal
//   .initrd                     equal up to the sealed configuration at its end, which names the image
//   /proc/cmdline               with the digest of the other image in it, what the pivot would let pass
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "store/core/bytes.hpp"

namespace sealroot {

/// Why not, for people; nullopt: it can. Both files are sealed UKIs whose signatures were checked.
///   started       booted the kernel that runs
///   next          boots the system to be entered
///   command_line  of the running kernel, as /proc/cmdline has it
///   throws        Error{malformed}: one is no UKI
std::optional<std::string> find_kernel_mismatch(ByteView started, ByteView next, std::string_view command_line);

}  // namespace sealroot
