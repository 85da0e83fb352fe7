// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// composefs-dump SRC DEST: an image made again from what stands in another one.
#include <fcntl.h>

#include "builder/image/image.hpp"
#include "builder/image/read_image.hpp"
#include "cli/other_names.hpp"
#include "store/core/error.hpp"

namespace sealroot {

int run_composefs_dump(int argc, char** argv) {
  if (argc <= 2) {
    const std::string missing = argc <= 1 ? "No source path specified" : "No destination path specified";
    throw Error(Fault::usage, missing + "\nusage: " + argv[0] + " SRC DEST");
  }
  const std::string source = argv[1];
  const Bytes image = during("Failed to load '" + source + "'", [&] {
    const ReadImage read = read_image(read_file(working_directory(), source));
    return make_image(read.tree, read.format);
  });
  write_all(open_at(working_directory(), argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0666), image);
  return 0;
}

}  // namespace sealroot
