// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The deployments of a host, any number of them: boot entry + image + state, put together by the image's digest.
//
//   boot entries, in the order of the menu -.
//   images and state directories -----------+-> Deployment, with what it is: booted, next, rollback, pinned, ...
//   records, pins, /proc/cmdline -----------'
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "upgrade/esp/boot_entry.hpp"
#include "upgrade/esp/entry_order.hpp"
#include "upgrade/host/host.hpp"
#include "upgrade/host/records.hpp"

namespace sealroot {

struct Deployment {
  Digest image;
  std::vector<BootEntry> entries{};  // that can be read and boot it; usually one
  std::optional<DeploymentRecord> record{};
  bool image_present = false;  // in the repository; not measured
  bool state_present = false;
  bool booted = false;    // it is what runs
  bool started = false;   // its UKI started the kernel; the booted one too, unless that was soft-rebooted into
  bool next = false;      // boots next, if nobody chooses another one
  bool rollback = false;  // what `rollback` would make the next one
  bool pinned = false;
  bool failed = false;  // no try left, or remembered as such

  /// The one that boots first among its entries; nullptr if there is none.
  const BootEntry* entry() const { return entries.empty() ? nullptr : &entries.front(); }
  bool staged() const { return next && !booted; }
  std::string version() const;
  std::string image_id() const;
};

struct Deployments {
  std::vector<Deployment> all{};         // in the order of the menu, those without an entry last
  std::vector<BootEntry> strangers{};    // that can't be read, or don't name an image
  std::vector<std::string> others{};     // boot entries that are no UKIs in EFI/Linux
  std::vector<std::string> leftovers{};  // in EFI/Linux
  std::vector<std::string> problems{};   // that hide something, one sentence each
  EntryChoice choice{};                  // what overrides the order of the menu
  std::optional<std::string> bootc{};    // how bootc is recognised, which then manages this host
  bool signatures_checked = false;       // against certificates of ours

  const Deployment* find(const Digest& image) const;
  const Deployment* booted() const;
  const Deployment* next() const;
};

/// Reads all there is; what is broken is part of the answer.
Deployments read_deployments(const Host& host, const std::vector<Certificate>& trusted);

/// The one that `text` means: a digest or the beginning of its digits (8 at least), a version, or a file name.
///   throws  Error{usage}: none, or several
const Deployment& choose_deployment(const Deployments& deployments, const std::string& text);

/// Error{usage} if bootc manages the host: its deployments are not ours to change.
void refuse_bootc(const Deployments& deployments);

}  // namespace sealroot
