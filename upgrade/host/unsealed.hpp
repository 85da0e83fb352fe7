// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Hosts that were made with `build --unsealed`, for file systems without fs-verity. They may stay what they are; a
// sealed host never becomes one of them, whatever is signed by a key that it believes.
#pragma once

#include "upgrade/host/deployments.hpp"

namespace sealroot {

/// Built with --unsealed, and nothing else is wrong with it; says nothing of the signature.
bool is_unsealed(const UkiFacts& uki);

/// Whether all boot entries that are signed by a pinned certificate are unsealed, and what runs is one of them. One
/// sealed entry ends it for good. A root that the kernel verifies is no unsealed one, whatever the ESP holds.
///   deployments  read with the certificates of the host
bool is_unsealed_host(const Host& host, const Deployments& deployments);

}  // namespace sealroot
