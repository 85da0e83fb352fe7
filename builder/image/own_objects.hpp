// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Which files have a content that no other file of the image has: nearly all. The xattrs that name their object occur
// once, so they need not be looked for among those that inodes share, nor kept: 300 bytes a file.
#pragma once

#include <vector>

#include "builder/image/survey.hpp"
#include "builder/tree/tree.hpp"

namespace sealroot::image {

/// By NodeId. Of a tree in which a payload is not that of the digest, none: two of those may be equal without their
/// digests being so.
std::vector<bool> find_own_objects(const Tree& tree, const Survey& survey);

}  // namespace sealroot::image
