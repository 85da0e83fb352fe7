// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "cli/tree_rules.hpp"

#include <CLI/CLI.hpp>

namespace sealroot {

void add_deny_options(CLI::App& command, DenyRules& rules) {
  command.add_flag("--deny-setuid", rules.setuid, "refuse a source with setuid or setgid files\nor file capabilities");
  command.add_flag("--deny-devices", rules.devices, "refuse a source with device nodes");
}

CLI::Option* add_tree_options(CLI::App& command, TreeRules& rules) {
  command
      .add_option("--xattrs", rules.xattrs, "allowlist-only: keep security.capability;\nkeep-user-xattrs: and user.*")
      ->check(CLI::IsMember({"allowlist-only", "keep-user-xattrs"}))
      ->type_name("RULE")
      ->capture_default_str();
  return command
      .add_option("--selinux", rules.selinux,
                  "auto: labels if the image has a policy;\nrequire: an image without one is an error;\noff: no labels")
      ->check(CLI::IsMember({"auto", "off", "require"}))
      ->type_name("MODE")
      ->capture_default_str();
}

}  // namespace sealroot
