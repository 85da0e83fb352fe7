// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Names as archives spell them, made into paths of the tree: relative, without "." parts and doubled slashes.
#pragma once

#include <string>
#include <string_view>

namespace sealroot {

/// `usr/bin/true` from `/usr/bin/true`, `./usr//bin/true` and the like; empty for the root directory.
///   throws   Error{malformed}: empty name, `..`, a NUL byte, a part over 255 or a whole over 4096 bytes
std::string normalise_path(std::string_view name);

/// The part behind the last slash.
std::string_view base_name(std::string_view path);
/// What stands before it; empty if there is no slash.
std::string_view parent_path(std::string_view path);

}  // namespace sealroot
