// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Arguments that are digests.
#pragma once

#include <string>

#include "store/core/digest.hpp"

namespace sealroot {

/// HEX or sha512:HEX as people give it. Error{usage} names `argument`.
Digest parse_digest_argument(const std::string& argument, const std::string& text);

}  // namespace sealroot
