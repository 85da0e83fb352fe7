// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// `sealroot factory-reset`: /var and what was changed in /etc become as on a new disk. Only state is touched, which no
// signature covers: nothing that decides what may boot, and what stays sealed.
//
//   new state, made of the images                    SYSROOT/state/sealroot/reset/BOOT/.new-.../{var,HEX}
//     each exchanged with what is there, atomically  SYSROOT/state/os/default/var  SYSROOT/state/deploy/HEX
//   what a running system has mounted stays with it until it restarts, and is removed after that
#pragma once

#include <vector>

#include "upgrade/host/deployments.hpp"

namespace sealroot {

struct FactoryReset {
  std::vector<Digest> renewed{};  // deployments whose state is as on a new disk
  std::vector<Digest> removed{};  // that have no boot entry: their state is gone
  bool at_next_boot = false;      // the host runs: until then it keeps what it has
};

/// Makes /var and the /etc of all deployments as new; /var as the image has it that boots next. Records, pins and
/// history stay.
///   check_only  only says what would become of it
///   throws      Error{busy}; Error{malformed}: a deployment that can't be read, nothing is changed then;
///   Error{missing}:
///               no deployment boots
///   ensures     a kill at any point leaves all that could boot bootable; the same once more completes
FactoryReset reset_state(const Host& host, bool check_only);

/// Removes the state that was replaced, but for what the running system still has mounted. The caller holds the lock.
void remove_replaced_state(const Host& host);

/// The same for those who hold no lock. Error{busy}.
void complete_reset(const Host& host);

}  // namespace sealroot
