// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// What of a tree gives whoever runs or opens it more than they had: setuid and setgid programs, file capabilities and
// device nodes. People list them (`inspect --privileged`), pipelines refuse them (`--deny-setuid`, `--deny-devices`).
#pragma once

#include <string>
#include <string_view>

#include "builder/tree/tree.hpp"

namespace sealroot {

inline constexpr std::string_view capability_xattr = "security.capability";

/// Setuid or setgid, or with file capabilities. Directories are not: there setgid only says whose group new files get.
bool is_privileged(const Node& node);

/// Value of the xattr security.capability as getcap prints it: `cap_net_raw=ep`, with ` rootid=N` for a user
/// namespace of that root (struct vfs_cap_data and vfs_ns_cap_data of linux/capability.h); an unknown form as hex.
std::string capability_text(std::string_view value);

struct DenyRules {
  bool setuid = false;  // and capabilities
  bool devices = false;
};

/// Error{untrusted} naming the first few of what `rules` deny, and how many there are.
void check_denied(const Tree& tree, const DenyRules& rules);

}  // namespace sealroot
