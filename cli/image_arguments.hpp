// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// How commands that look at an image are told which one.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace sealroot {

struct ImageArguments {
  std::string image;
  std::string store;
};

/// Adds IMAGE and --store.
void add_image_arguments(CLI::App& command, ImageArguments& arguments);

}  // namespace sealroot
