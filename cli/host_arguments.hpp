// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Options of the commands that work on a host: where its partitions are, if they are not those of the running one.
#pragma once

#include "upgrade/host/host.hpp"

namespace CLI {
class App;
}

namespace sealroot {

/// `paths` must outlive the command. `with_esp`: false if the command has an --esp of its own.
void add_host_options(CLI::App& command, HostPaths& paths, bool with_esp = true);

}  // namespace sealroot
