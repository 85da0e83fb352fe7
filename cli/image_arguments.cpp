// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "cli/image_arguments.hpp"

#include <CLI/CLI.hpp>

namespace sealroot {

void add_image_arguments(CLI::App& command, ImageArguments& arguments) {
  command.add_option("IMAGE", arguments.image, "image file, or with --repo its digest or ref")->required();
  command.add_option("--repo,--store", arguments.store, "repository with the image or its objects");
}

}  // namespace sealroot
