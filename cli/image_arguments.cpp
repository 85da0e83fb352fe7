// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "cli/image_arguments.hpp"

#include <CLI/CLI.hpp>

namespace sealroot {

void add_image_arguments(CLI::App& command, ImageArguments& arguments) {
  command.add_option("IMAGE", arguments.image, "image file, or with --store its digest")->required();
  command.add_option("--store", arguments.store, "repository with the image or its objects");
}

}  // namespace sealroot
