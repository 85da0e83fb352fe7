// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The kernel's side of fs-verity: seal a file, measure a sealed one.
#pragma once

#include <optional>

#include "store/core/digest.hpp"
#include "store/core/fd.hpp"

namespace sealroot {

/// Seals `file`, which is open read only and by nobody for writing (a fork of this process that still holds it is
/// waited for). False if the file system or kernel has no fs-verity for this algorithm; a sealed file stays sealed.
bool try_seal(const Fd& file, Algorithm algorithm);

/// The digest the kernel enforces for `file`; nullopt if it is not sealed.
std::optional<Digest> try_measure(const Fd& file);

}  // namespace sealroot
