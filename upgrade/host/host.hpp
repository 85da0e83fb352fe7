// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The host that upgrade works on: the running one, or one whose partitions are mounted somewhere.
//
//   SYSROOT/composefs                the repository
//   SYSROOT/state/deploy/HEX         state of deployments            (builder/disk/root_plan.hpp)
//   SYSROOT/state/sealroot           what we remember                (host/records.hpp)
//   ESP/EFI/Linux/*.efi              boot entries                    (esp/boot_entry.hpp)
#pragma once

#include <optional>
#include <string>

#include "store/core/digest.hpp"
#include "store/core/fd.hpp"
#include "store/repository.hpp"
#include "upgrade/esp/loader_variables.hpp"

namespace sealroot {

/// As given on the command line; what is empty is found.
struct HostPaths {
  std::string sysroot{};       // else /sysroot, and this is the running host
  std::string esp{};           // else /efi, /boot/efi or /boot of the running host
  std::string command_line{};  // else /proc/cmdline of the running host
  std::string efivars{};       // else /sys/firmware/efi/efivars of the running host
};

struct Host {
  Fd sysroot;
  Fd esp;
  std::string esp_path{};                     // for messages
  std::optional<std::string> command_line{};  // of the running kernel; nullopt: nothing of this host runs
  std::optional<Digest> started{};            // image that it names: the firmware verified the UKI that boots it
  std::optional<Digest> booted{};             // image that runs: that one, or what it was left for by a soft reboot
  bool soft_rebooted = false;                 // what runs was verified by the system before it (soft_reboot/)
  bool is_this_one = false;                   // found without being told where: the host that this program runs on
  LoaderVariables variables{};
};

/// Throws Error{missing} naming the option that helps; Error{malformed}: a kernel command line with several digests;
/// Error{untrusted}: the ESP found is not the one that the system was booted from.
Host open_host(const HostPaths& paths);

inline constexpr const char* repository_folder = "composefs";

/// The host's repository, whatever symlink stands in its place meanwhile. Throws as Repository::open().
Repository open_repository(const Host& host);

inline constexpr const char* deploy_folder = "state/deploy";

}  // namespace sealroot
