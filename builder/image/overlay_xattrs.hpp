// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The xattrs of one inode on their way into the image. overlayfs reads `trusted.overlay.*` as orders: those of the
// tree get a second `overlay.` so that they come out unchanged, and our own orders are added beside them.
#pragma once

#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "builder/image/xattr_table.hpp"
#include "builder/tree/tree.hpp"

namespace sealroot::image {

class OverlayXattrs {
 public:
  /// Text that the tree does not hold is kept in `table`.
  explicit OverlayXattrs(XattrTable& table) : table_(table) {}

  /// Begins the next inode.
  void start();
  /// Adds the tree's xattrs, escaped.
  void add(const Xattrs& xattrs);
  /// Begins a stub: it has the root's label, so that it can be looked up, and nothing else.
  void start_stub(const Xattrs& root);

  /// The root hides whatever a lower layer (the objects) has.
  void set_root();
  /// The content is an object: which one, and the digest that overlayfs demands of it.
  void set_object(const RegularFile& file);
  /// A whiteout of the tree is stored as a regular file that an overlayfs on top of ours takes for a whiteout.
  void set_whiteout();
  /// The directory of such files. From version 1 on it is marked in the newer way as well.
  void set_has_whiteouts(bool marked_opaque);

  using Pair = std::pair<std::string_view, std::string_view>;
  /// All of the inode: by name for V0 and V1, as they were added for V2.
  std::span<const Pair> sorted();
  std::span<const Pair> as_added() const { return pairs_; }

 private:
  void set(std::string_view key, std::string_view value);

  XattrTable& table_;
  std::vector<Pair> pairs_;
};

}  // namespace sealroot::image
