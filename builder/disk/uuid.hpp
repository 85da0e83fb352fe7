// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// UUIDs that depend on the image's digest only, so that a disk built twice is the same disk.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "store/core/digest.hpp"

namespace sealroot {

/// 16 bytes in the order of the text form.
using Uuid = std::array<std::uint8_t, 16>;

/// UUID of version 8 (RFC 9562 section 5.8): SHA-256 over `purpose` and the digest, cut to 16 bytes.
Uuid derive_uuid(const Digest& seed, std::string_view purpose);

/// `XXXXXXXX-XXXX-8XXX-XXXX-XXXXXXXXXXXX`, in lower case.
std::string to_text(const Uuid& uuid);

}  // namespace sealroot
