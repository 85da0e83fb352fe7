// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// What composefs-info tells about images, in its words. It takes more images than read_image() does: orders to
// overlayfs that it doesn't know are passed over, and link counts are as they stand there.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "store/core/bytes.hpp"

namespace sealroot {

/// Names in / to look at; empty: all.
using TopFilter = std::vector<std::string>;
using PrintLine = std::function<void(std::string_view line)>;  // with its end

/// The dumpfile of `image`, with sizes and link counts of directories as the image has them, and hard links with all
/// that their inode has.
void dump_image(ByteView image, const TopFilter& filter, const PrintLine& print);

/// One path a line: directories with `/`, links with their target, files in objects with the path of the object.
void list_image(ByteView image, const TopFilter& filter, const PrintLine& print);

/// Adds the paths of all objects that `image` refers to, without a leading `/`.
void add_objects_of_image(ByteView image, const TopFilter& filter, std::set<std::string>& objects);

}  // namespace sealroot
