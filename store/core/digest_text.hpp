// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Digests as text: hex, object paths and the kernel command line's token. For hosted code; the pivot has its own
// fixed buffers.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "store/core/bytes.hpp"
#include "store/core/digest.hpp"

namespace sealroot {

std::string to_hex(ByteView bytes);
std::string to_hex(const Digest& digest);

/// `sha512:HEX`, as records and try_parse_digest() have it.
std::string named_digest(const Digest& digest);

/// `XX/REST`, the name of an object below `objects/`.
std::string object_path(const Digest& digest);

/// The digest that `XX/REST` names, or nullopt.
std::optional<Digest> try_parse_object_path(std::string_view path);

/// `v1-sha512-12:<hex>`, the value of `composefs.digest=` for an image in format V1 (formats.md section 3).
std::string digest_token_value(const Digest& digest);

/// The digest in such a value, of whichever version (`v1-`, `v2-`); nullopt for any other text.
std::optional<Digest> try_parse_digest_token_value(std::string_view value);

/// A digest as people and programs write it: HEX, `sha512:HEX` or `v1-sha512-12:HEX`; nullopt for any other text, and
/// where the prefix says another algorithm than the number of digits.
std::optional<Digest> try_parse_digest(std::string_view text);

/// `sha256` or `sha512`; throws Error{usage} for anything else.
Algorithm parse_algorithm(std::string_view name);

}  // namespace sealroot
