// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Files that are part of the program, so that it works wherever it is copied: the pivot that goes into the minimal
// initramfs, always of the same version as the builder, and the profiles of ukify-templates/.
#pragma once

#include <optional>
#include <string_view>

#include "store/core/bytes.hpp"

namespace sealroot {

/// The static program that becomes /init, for embedded_architecture().
ByteView embedded_pivot();

/// OCI name of the architecture this program and its pivot were built for.
std::string_view embedded_architecture();

/// The text of a profile by name; nullopt if there is none.
std::optional<std::string_view> try_embedded_template(std::string_view name);

/// Names that try_embedded_template() knows, for messages.
std::string_view embedded_template_names();

}  // namespace sealroot
