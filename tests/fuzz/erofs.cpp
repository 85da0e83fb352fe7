// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// EROFS images from anyone. A tree that was read is one that an image and a dumpfile can be made of, or is refused.
#include "builder/image/image.hpp"
#include "builder/image/read_image.hpp"
#include "builder/tree/dumpfile.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace sealroot;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  accepts([&] {
    ReadImage read = read_image({data, size});
    print_dumpfile(read.tree);
    const Bytes again = make_image(read.tree, read.format);
    if (read.format == ImageFormat::v2) {  // which is made without nanoseconds, though they can stand in it
      for (Node& node : read.tree.nodes) node.metadata.mtime_nanoseconds = 0;
    }
    promise(print_dumpfile(read_image(again).tree) == print_dumpfile(read.tree),
            "written and read again it is another tree");
  });
  return 0;
}
