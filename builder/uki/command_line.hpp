// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Kernel command lines: which digests they name, and what becomes of the one in a UKI on its way to /proc/cmdline.
// Source: systemd-stub(7); composefs-rs and bootc for the tokens.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "builder/uki/pe.hpp"
#include "store/core/digest.hpp"

namespace sealroot {

/// Tokens as the kernel splits them: at white space, `"` protects it and stays part of the token.
std::vector<std::string> split_command_line(std::string_view line);

/// A token that names a digest, to us or to composefs-rs and bootc.
struct DigestToken {
  std::string text;              // as it stands there
  std::string form;              // `v1`, `v2`, `legacy` (composefs=HEX), or `unknown`
  bool verity_optional = false;  // a `?` behind `=`: the others then boot from files without fs-verity
  std::optional<Digest> digest;  // nullopt: malformed
};

/// All of them, look-alikes included: anything with `composefs` in its name.
std::vector<DigestToken> find_digest_tokens(std::string_view line);

/// The command line that a stub hands over, and who can change it.
struct EffectiveCommandLine {
  std::string text;
  std::vector<std::string> changes;  // what others can do to it, one sentence each
};

/// What stands in .cmdline of a UKI or addon, as a stub reads it: up to a NUL, control characters as blanks, without
/// blanks at its end. nullopt if it has none.
std::optional<std::string> embedded_command_line(const PeFile& file);

/// What `uki` boots with, without menu options, followed by those of `addons` in their order.
///   addons  command lines of the addons that the stub takes: with Secure Boot only those whose signature is good
EffectiveCommandLine effective_command_line(const PeFile& uki, bool secure_boot,
                                            const std::vector<std::string>& addons = {});

}  // namespace sealroot
