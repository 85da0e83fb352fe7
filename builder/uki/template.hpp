// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Profiles of a UKI in ukify's configuration format (ukify-templates/README.md lists the keys). Unlike ukify, which
// only warns, an unknown key is an error: a typo in SecureBootPrivateKey must not give an unsigned UKI.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/core/fd.hpp"

namespace sealroot {

/// Settings of a template as written; absent ones are nullopt or empty. Values that may start with `@` name a file
/// then, see resolve_text().
struct UkiTemplate {
  std::optional<std::string> linux_path;
  std::optional<std::string> stub_path;
  std::optional<std::string> efi_arch;
  std::optional<std::string> cmdline;     // text or @FILE
  std::optional<std::string> os_release;  // text or @FILE
  std::optional<std::string> uname;
  std::optional<std::string> sbat;        // text or @FILE
  std::vector<std::string> initrd_paths;  // put before the sealed configuration
  std::vector<std::string> microcode_paths;
  std::optional<std::string> splash_path;
  std::optional<std::string> device_tree_path;
  std::optional<std::string> pcr_public_key_path;
  std::optional<std::string> key_path;
  std::optional<std::string> certificate_path;
  std::optional<bool> sign_kernel;
};

/// Reads a template; `name` is for messages.
///   throws  Error{usage}: unknown section or key (naming line and nearest known one), a key given twice, or one of
///           ukify's that is not served
UkiTemplate parse_template(std::string_view text, const std::string& name);

/// The text of a value: itself, or for `@FILE` the file's content.
std::string resolve_text(const Fd& directory, const std::string& value);

/// resolve_text() for a command line: runs of white space become one blank, none at the ends.
std::string resolve_cmdline(const Fd& directory, const std::string& value);

}  // namespace sealroot
