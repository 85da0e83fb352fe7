// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The objects that an image needs: what its files redirect to.
#pragma once

#include <compare>
#include <cstdint>
#include <set>

#include "store/core/bytes.hpp"
#include "store/core/digest.hpp"

namespace sealroot::erofs {

/// Whether these bytes begin like an image; says nothing about the rest.
bool looks_like_image(ByteView bytes);

/// An object, and how many bytes a file says it has.
struct ImageObject {
  Digest digest;
  std::uint64_t size_bytes;
  friend auto operator<=>(const ImageObject&, const ImageObject&) = default;
};

/// The objects of all files. Error{malformed} if the image can't be read to its end, or a file redirects to something
/// else than an object.
std::set<ImageObject> image_objects(ByteView image);

}  // namespace sealroot::erofs
