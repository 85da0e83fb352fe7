// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Tree -> image, byte for byte what the other composefs tools make of the same tree. Its fs-verity digest is what
// gets signed, so every byte here is part of the format: change one and every deployed system sees a new image.
//
//   survey   one walk over the tree: refuses what no image can hold, counts names, finds each inode's primary name
//   collect  inodes in the format's order with their xattrs as overlayfs wants them (redirects, stubs, whiteouts)
//   lay out  all offsets; nothing moves after this
//   emit     bytes, into one buffer of the final size
#pragma once

#include "builder/tree/tree.hpp"
#include "store/core/fd.hpp"
#include "store/erofs/image_format.hpp"

namespace sealroot {

/// The image of `tree`, which stays as it is.
///   returns  a whole number of 4096-byte blocks
///   throws   Error{malformed}: the tree holds something no image can (a name over 255 bytes, a directory with two
///            names, more xattrs than fit, ...); the message names the path
///   threads  safe
Bytes make_image(const Tree& tree, ImageFormat format);

}  // namespace sealroot
