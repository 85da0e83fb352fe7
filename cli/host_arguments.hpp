// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Options of the commands that work on a host: where its partitions are, if they are not those of the running one.
#pragma once

#include <string>

#include "upgrade/host/host.hpp"

namespace CLI {
class App;
}

namespace sealroot {

/// `paths` must outlive the command. `with_esp`: false if the command has an --esp of its own.
void add_host_options(CLI::App& command, HostPaths& paths, bool with_esp = true);

/// --soft-reboot of the commands that choose what boots next, for parse_soft_reboot(); `mode` must outlive the command.
void add_soft_reboot_option(CLI::App& command, std::string& mode);

}  // namespace sealroot
