// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The signed UKI that a sealed container image carries in /boot/EFI/Linux, taken out before the boot form empties
// /boot. Who made the image is not believed in anything: the file's name is not used, and what it says counts only
// once its signature leads to a certificate of ours.
#pragma once

#include <string>
#include <vector>

#include "builder/tree/tree.hpp"
#include "store/object_store.hpp"
#include "upgrade/esp/boot_entry.hpp"

namespace sealroot {

struct SealedUki {
  Bytes file;
  UkiFacts facts;  // signed by a trusted certificate, sealed as was asked for, with an image
};

/// Whether a UKI that was built with --unsealed is taken too (host/unsealed.hpp).
enum class Seal : bool { required, may_be_missing };

/// The only UKI in `tree`, whose contents are in `store`.
///   throws  Error{missing}: none, the image is not sealed; Error{malformed}: several, a link, a name that no ESP could
///           hold; Error{untrusted}: not signed by a certificate of ours, or not sealed
SealedUki take_sealed_uki(const Tree& tree, const ObjectStore& store, const std::vector<Certificate>& trusted,
                          Seal seal = Seal::required);

}  // namespace sealroot
