// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Going over to the next deployment without the firmware: systemd stops what runs and starts again from another root,
// under the kernel that is there (systemd-soft-reboot.service(8), systemd 254 and newer).
//
//   obstacle?   signature, seal, kernel, initramfs, command line, systemd of both images      soft_reboot_obstacle()
//   prepare     all of it once more on what boots next, every object measured, root composed  prepare_soft_reboot()
//   start       systemctl soft-reboot                                                         start_soft_reboot()
//
// Nothing changes on the disk: what boots next, and how often it may still fail, is as before. What runs afterwards is
// known by the name of the root's mount (host/running.hpp), which lives in the kernel's memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "builder/tree/tree.hpp"
#include "builder/uki/certificate.hpp"
#include "store/repository.hpp"
#include "upgrade/esp/boot_entry.hpp"
#include "upgrade/host/deployments.hpp"

namespace sealroot {

enum class SoftReboot : std::uint8_t {
  no,
  automatic,  // if it can be done, else it is said why not
  required,   // nothing is staged if it can't be done
};

/// `auto`, `required`, or empty: no. Error{usage}: anything else.
SoftReboot parse_soft_reboot(const std::string& text);

/// A host as it was read; all must outlive this.
struct HostView {
  const Host& host;
  const Repository& repository;
  const Deployments& deployments;
  const std::vector<Certificate>& trusted;
};

/// Why the system that `uki` boots, with the files of `tree`, can't be entered by a soft reboot; nullopt: it can.
///   facts  what read_uki() finds in `uki` with the trusted certificates
std::optional<std::string> soft_reboot_obstacle(const HostView& view, ByteView uki, const UkiFacts& facts,
                                                const Tree& tree);

/// The same of what is on the host: of the entry that boots first, and the image in the repository.
std::optional<std::string> soft_reboot_obstacle(const HostView& view, const Deployment& deployment);

/// Error{untrusted} with the obstacle if there is one.
void require_soft_reboot(const std::optional<std::string>& obstacle);

struct SoftRebootOptions {
  std::optional<std::string> certificate{};  // see trusted_certificates()
  unsigned threads = 0;
};

/// Verifies the deployment of `image`, which must be the next to boot, and makes its root in /run/nextroot.
///   throws  Error{untrusted}: an obstacle, or a link of the chain; Error{busy}. All is as it was then.
void prepare_soft_reboot(const Host& host, const Digest& image, const SoftRebootOptions& options);

/// Has systemd go over to it; this process will be ended. If systemd refuses, the root is taken away: Error{os}.
void start_soft_reboot(const Host& host);

/// Takes away a root that was prepared and not entered: a restart would go there (systemctl(1), reboot), whatever boots
/// next by then.
void forget_soft_reboot(const Host& host);

}  // namespace sealroot
