// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Where the user running us keeps configuration.
#pragma once

#include <string>

namespace sealroot {

/// A variable of the environment; empty if it is not set.
std::string environment(const char* name);

/// $XDG_CONFIG_HOME, else $HOME/.config; empty if neither is known.
std::string config_folder();

}  // namespace sealroot
