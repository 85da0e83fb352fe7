// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Options of all commands that speak to registries.
#pragma once

#include "builder/registry/options.hpp"

namespace CLI {
class App;
}

namespace sealroot {

/// `options` must outlive the command.
void add_registry_options(CLI::App& command, RegistryOptions& options);

/// What a SOURCE may be, for --help.
inline constexpr const char* source_help =
    "docker://HOST/NAME[:TAG][@DIGEST],\noci:DIR[:TAG], oci-archive:FILE[:TAG],\n"
    "docker-archive:FILE[:NAME],\ntar:FILE (- is stdin) or dir:DIR";

}  // namespace sealroot
