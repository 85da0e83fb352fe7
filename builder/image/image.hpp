// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Tree -> image, byte for byte what the other composefs tools make of the same tree. Its fs-verity digest is what
// gets signed, so every byte here is part of the format: change one and every deployed system sees a new image.
//
//   survey   one walk over the tree: refuses what no image can hold, counts names, finds each inode's primary name
//   collect  inodes in the format's order with their xattrs as overlayfs wants them (redirects, stubs, whiteouts)
//   lay out  all offsets; nothing moves after this
//   emit     bytes, from the first to the last; nobody has to hold them all
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "builder/tree/tree.hpp"
#include "store/core/digest.hpp"
#include "store/core/fd.hpp"
#include "store/erofs/image_format.hpp"

namespace sealroot {

class Repository;
namespace image {
struct Plan;
}

/// Gets the next bytes of an image, 256 KiB or, at the end, less.
using ImageOutput = std::function<void(ByteView)>;

/// An image of which all is decided, but no byte is made yet.
class PlannedImage {
 public:
  /// The image of `tree`, which stays as it is for as long as this is used.
  ///   throws   Error{malformed}: the tree holds something no image can (a name over 255 bytes, a directory with two
  ///            names, more xattrs than fit, ...); the message names the path
  ///   threads  safe
  PlannedImage(const Tree& tree, ImageFormat format);
  ~PlannedImage();

  /// A whole number of 4096-byte blocks.
  std::uint64_t size_bytes() const;
  /// Makes all of it, in order.
  void write(const ImageOutput& output) const;
  /// Its fs-verity digest.
  Digest measure(Algorithm algorithm) const;

 private:
  std::unique_ptr<const image::Plan> plan_;
};

/// Repository::add_image().
Digest add_image(const Repository& repository, const PlannedImage& image);

/// All of PlannedImage::write() in one buffer.
Bytes make_image(const Tree& tree, ImageFormat format);

}  // namespace sealroot
