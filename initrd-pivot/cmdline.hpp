// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The kernel command line against the sealed config. Firmware, boot menus, addons and SMBIOS can append to the signed
// line; what they append is refused unless the sealed config names it.
#pragma once

#include <optional>
#include <string_view>

#include "initrd-pivot/config.hpp"
#include "initrd-pivot/text.hpp"

namespace sealroot {

/// Tokens of a command line: split at ASCII white space, `"` protects white space and stays part of the token.
class Tokens {
 public:
  explicit Tokens(std::string_view line) : rest_(line) {}
  /// The next token, nullopt at the end.
  std::optional<std::string_view> next();

 private:
  std::string_view rest_;
};

bool quotes_balanced(std::string_view line);

/// Checks the content of /proc/cmdline: one digest token, equal to the sealed one; then the signed line token by token;
/// then only allowed tokens. A config that adopts the digest gets it from here, and no more is compared. Returns why it
/// is refused, nullopt if it is good.
std::optional<Reason> refuse_command_line(std::string_view line, Config& config);

}  // namespace sealroot
