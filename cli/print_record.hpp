// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// What --json prints.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace sealroot {

/// Prints a record on lines of its own. Names and texts in files are bytes, JSON is UTF-8: what is none becomes U+FFFD.
void print_record(const nlohmann::ordered_json& record);

/// The same on one line without its end, for lists that are printed item by item.
std::string record_line(const nlohmann::ordered_json& record);

}  // namespace sealroot
