// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The order of version texts, as systemd-boot sorts boot entries by it.
// Source: https://uapi-group.org/specifications/specs/version_format_specification/
#pragma once

#include <compare>
#include <string_view>

namespace sealroot {

/// `1.9` < `1.10`, `2~rc1` < `2` < `2-1` < `2^post` < `2.1`. Equal means that neither is newer: `1` and `01` are.
std::weak_ordering compare_versions(std::string_view left, std::string_view right);

}  // namespace sealroot
