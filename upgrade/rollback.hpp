// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// `sealroot rollback`, `pin`, `unpin`: choosing among the deployments that are there.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "upgrade/host/deployments.hpp"
#include "upgrade/soft_reboot/soft_reboot.hpp"

namespace sealroot {

struct RollbackOptions {
  std::string deployment{};                  // see choose_deployment(); empty: the one marked `rollback`
  std::optional<std::string> certificate{};  // see trusted_certificates()
  unsigned tries = 3;                        // for an entry that has none left; 0: not counted
  SoftReboot soft_reboot = SoftReboot::no;
  unsigned threads = 0;
};

struct RollbackResult {
  Digest image;
  std::string version{};
  std::string replaces{};    // version of what would have booted next
  bool soft_reboot = false;  // it was asked for and can be done: prepare_soft_reboot() is to follow
  std::vector<std::string> warnings{};
};

/// Makes another deployment the next to boot, after its whole chain was verified: signature, command line, image, every
/// object.
///   throws  Error{usage}: there is none; Error{untrusted}: a link of the chain, or no soft reboot though it is
///   required;
///           Error{busy}
RollbackResult roll_back(const Host& host, const RollbackOptions& options);

/// Pins a deployment, so that nothing removes it by itself, or takes the pin away. `text` empty: the booted one.
///   returns  its image
Digest set_pin(const Host& host, const std::string& text, bool pinned);

}  // namespace sealroot
