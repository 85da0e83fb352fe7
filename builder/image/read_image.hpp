// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Image -> tree: what was added for overlayfs is taken away again, so that make_image() of the tree gives the same
// bytes. What our walk over a foreign image meets is checked in store/erofs.
#pragma once

#include "builder/tree/tree.hpp"
#include "store/core/bytes.hpp"
#include "store/erofs/image_format.hpp"

namespace sealroot {

struct ReadImage {
  Tree tree;
  ImageFormat format = ImageFormat::v1;
};

/// The tree of an image in any of the formats, from anyone: memory is bounded by the size of the image.
///   throws   Error{malformed} "'/path': reason" for what no writer of composefs images makes
///   threads  safe
ReadImage read_image(ByteView image);

}  // namespace sealroot
