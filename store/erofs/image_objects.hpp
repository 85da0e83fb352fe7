// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The objects that an image needs: what its files redirect to.
#pragma once

#include <set>

#include "store/core/bytes.hpp"
#include "store/core/digest.hpp"

namespace sealroot::erofs {

/// Whether these bytes begin like an image; says nothing about the rest.
bool looks_like_image(ByteView bytes);

/// The objects of all files. Error{malformed} if the image can't be read to its end, or a file redirects to something
/// else than an object.
std::set<Digest> image_objects(ByteView image);

}  // namespace sealroot::erofs
