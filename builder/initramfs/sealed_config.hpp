// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The sealed configuration: what the pivot takes as true because it stands in the signed initramfs. /sealroot.conf is
// one `key=value` a line, in this order:
//   version=1
//   digest=v1-sha512-12:HEX     the image digest; the command line must name the same
//   cmdline=TEXT                the signed command line; /proc/cmdline must be this ...
//   allow=TOKEN                 ... and may have these tokens besides (0..64 lines); a final `*` is any ending
//   etc=overlay|transient|bind|none
//   var=bind|transient|none
//   on-failure=reboot|poweroff
//   init=/sbin/init
//   handover=none|/init        first program of an initramfs that is not ours, see make_sealed_config_cpio()
//   unsealed=yes               only if it is: neither image nor objects need fs-verity
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "store/core/digest.hpp"
#include "store/core/fd.hpp"

namespace sealroot {

struct SealedConfig {
  Digest digest;
  std::string cmdline;
  std::vector<std::string> allow{};
  std::string etc = "overlay";
  std::string var = "bind";
  std::string on_failure = "reboot";
  std::string init = "/sbin/init";
  std::string handover = "none";
  bool unsealed = false;
};

/// The text of /sealroot.conf.
///   throws  Error{usage}: a value that is not one of those above or holds a control character; a command line without
///           exactly one digest token, which names `digest` (such a system would not boot)
std::string sealed_config_text(const SealedConfig& config);

/// Reads that text back, as strictly as the pivot does; any version or compatibility value it does not know is refused.
///   throws  Error{malformed}: not a text that sealed_config_text() makes, but for the order of its lines
SealedConfig parse_sealed_config(std::string_view text);

/// Where it stands in the initramfs.
inline constexpr std::string_view sealed_config_path = "sealroot.conf";

/// Where the pivot stands in an initramfs that is not ours. The kernel starts it in place of /init: it checks the
/// command line before any program that would obey it, then hands over. The command form is called by the initramfs
/// later.
inline constexpr std::string_view handover_pivot_path = "/sealroot-init";

/// An archive of its own with just this file and, with a handover, the pivot, a multiple of 4 bytes long. It goes last
/// into .initrd, so that no file of an archive before it, which may come from a template, replaces it.
Bytes make_sealed_config_cpio(const SealedConfig& config, ByteView pivot);

}  // namespace sealroot
