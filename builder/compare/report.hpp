// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// A comparison as text for people and as records for programs.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "builder/compare/compare.hpp"

namespace sealroot {

/// `+ /new: file 12 bytes`, `- /old: link -> x` or `~ /etc/f: mode 0644 -> 0600, mtime 1.000000000 -> 2.000000000`;
/// digests shortened, what one side has not as `none`, no end of line.
std::string change_line(const Change& change);

/// The same with nothing shortened: `path`, `change` (added, removed, changed) and the metadata of an added or removed
/// node, or `fields` with `before` and `after`, null for none.
nlohmann::ordered_json change_record(const Change& change);

/// Two lines: paths, and bytes with objects.
std::string comparison_summary(const Comparison& comparison);
nlohmann::ordered_json comparison_record(const Comparison& comparison);

}  // namespace sealroot
