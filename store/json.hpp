// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// JSON from outside, read strictly: one value, no key twice in an object, bounded size and depth. Two readers that
// take different ones of two equal keys would see two different documents under one signature.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>

#include "store/core/bytes.hpp"

namespace sealroot {

struct JsonLimits {
  std::size_t size_bytes = std::size_t{4} << 20;
  std::size_t depth = 32;        ///< objects and arrays inside one another
  std::size_t values = 100'000;  ///< of all kinds; in memory one takes about a hundred bytes
};

/// The value that `text` (UTF-8) spells, or Error{malformed} with the place of the defect.
nlohmann::json parse_json(ByteView text, const JsonLimits& limits = {});

}  // namespace sealroot
