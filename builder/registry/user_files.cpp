// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/registry/user_files.hpp"

#include <cstdlib>

namespace sealroot {

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string config_folder() {
  if (const std::string folder = environment("XDG_CONFIG_HOME"); !folder.empty()) return folder;
  const std::string home = environment("HOME");
  return home.empty() ? home : home + "/.config";
}

}  // namespace sealroot
