// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The xattrs of one inode on their way back from an image: the opposite of overlay_xattrs.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "builder/tree/tree.hpp"
#include "store/erofs/reader.hpp"

namespace sealroot::image {

/// What the image tells overlayfs about an inode.
struct OverlayOrders {
  bool opaque = false;           // hides what lower layers have
  bool metacopy = false;         // the content is in an object
  std::optional<Digest> digest;  // which overlayfs demands of it
  std::string redirect;          // path of the object, without the leading '/'
};

/// Adds the tree's own xattrs of `inode` to `xattrs`, unescaped, and returns the rest. Their size is taken from
/// `size_left`.
///   throws   Error{malformed}: one name twice, an order that no writer gives, or `size_left` is used up
OverlayOrders read_xattrs(const erofs::Reader& reader, const erofs::Inode& inode, Xattrs& xattrs,
                          std::uint64_t& size_left);

/// Whether `node` has (unescaped) what set_whiteout() adds, and a directory what set_has_whiteouts() adds.
bool looks_like_whiteout(const Node& node);
bool looks_like_whiteouts(const Node& node, bool marked_opaque);
/// Takes that away.
void drop_whiteout_xattrs(Node& node);
void drop_whiteouts_xattrs(Node& node, bool marked_opaque);

}  // namespace sealroot::image
