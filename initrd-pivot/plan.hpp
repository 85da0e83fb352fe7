// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The mount plan: what will be opened, measured and mounted, fixed before the first mount. Pure data; execute.cpp
// follows it and `--dry-run` prints it, both from the same tables.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "initrd-pivot/config.hpp"
#include "initrd-pivot/text.hpp"
#include "store/core/digest.hpp"

namespace sealroot {

struct MountOption {
  const char* key;
  const char* value;
};

/// Options of the new root. verity=require makes the kernel compare every object with the digest in the image; a
/// kernel that refuses the option is refused in turn. Source: Documentation/filesystems/overlayfs.rst
inline constexpr std::array<MountOption, 3> root_options{
    {{"metacopy", "on"}, {"redirect_dir", "on"}, {"verity", "require"}}};

/// Options of the overlay on /etc, as one string. Its upper layer is writable by anybody who has the disk, so no
/// extended attribute in it may point anywhere else (R14 of the threat list).
inline constexpr std::string_view etc_options = "metacopy=off,redirect_dir=nofollow,index=off";

/// Where /var and /etc live on the root partition, relative to it.
struct StatePaths {
  Path etc;  // state/deploy/<hex>/etc; with upper and work in it for an overlay
  Path var;  // state/os/default/var
  // state/deploy/<hex>/var, used if it is a directory: other tools keep /var by deployment, or link to the one above.
  // Empty: not looked at.
  Path own_var;
};

struct Plan {
  Digest digest;
  Path image;    // composefs/objects/XX/REST: the object itself, so that no link or alias is ever looked up
  Path objects;  // composefs/objects
  StatePaths state;
  StateMode etc;
  StateMode var;
  bool writable;  // the root partition is mounted read-write, for the state in it
  bool unsealed;  // neither the image nor an object needs fs-verity

  /// Of the new root: all of them, or all but the last.
  std::span<const MountOption> options() const {
    return std::span(root_options).first(root_options.size() - (unsealed ? 1 : 0));
  }
};

/// The plan of a config that parse_config() accepted.
Plan make_plan(const Config& config);

/// The plan in words, one line for each operation, in the order of execution.
Text<4095> describe_plan(const Plan& plan, std::string_view sysroot);

}  // namespace sealroot
