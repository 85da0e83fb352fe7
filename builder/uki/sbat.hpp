// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// SBAT: lines of `component,generation,...` in a boot program, by which shim revokes all versions below a generation.
// Source: https://github.com/rhboot/shim/blob/main/SBAT.md
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace sealroot {

/// One SBAT text: the header line, then the lines of all `texts` in their order. Each may have its own header line and
/// padding, which are dropped, as are repeated lines. Ends with a newline and NUL, as ukify writes it.
/// Throws Error{malformed} for a line that is not printable `component,number,...`.
std::string merge_sbat(std::initializer_list<std::string_view> texts);

}  // namespace sealroot
