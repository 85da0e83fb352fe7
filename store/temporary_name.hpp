// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Names of files that are not finished: unlike any object, ref or image, so that gc can tell them.
#pragma once

#include <string>
#include <string_view>

namespace sealroot {

inline constexpr std::string_view temporary_prefix = ".new-";

/// temporary_prefix and 32 random hex digits: two processes never meet.
std::string temporary_name();

/// Whether temporary_name() can have made `name`.
bool is_temporary_name(std::string_view name);

}  // namespace sealroot
