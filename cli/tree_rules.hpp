// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Options of all commands that make the tree of an image from a source.
#pragma once

#include <string>

#include "builder/image/privileged.hpp"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace sealroot {

/// As given; see parse_xattr_rule() and parse_label_mode().
struct TreeRules {
  std::string xattrs = "allowlist-only";
  std::string selinux = "auto";
};

/// Adds --deny-setuid and --deny-devices.
void add_deny_options(CLI::App& command, DenyRules& rules);

/// Returns --selinux, which has a meaning for the form that boots only. `rules` must outlive the command.
CLI::Option* add_tree_options(CLI::App& command, TreeRules& rules);

}  // namespace sealroot
