// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The xattrs of one inode on their way into the image. overlayfs reads `trusted.overlay.*` as orders: those of the
// tree get a second `overlay.` so that they come out unchanged, and our own orders are added beside them.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "builder/image/xattr_table.hpp"
#include "builder/tree/tree.hpp"

namespace sealroot::image {

inline constexpr std::string_view metacopy_name = "trusted.overlay.metacopy";
inline constexpr std::string_view redirect_name = "trusted.overlay.redirect";

/// What tells overlayfs which object a file's content is, and the digest that it demands of it.
struct ObjectXattrs {
  ObjectXattrs() = default;
  explicit ObjectXattrs(const RegularFile& file);

  std::string metacopy;
  std::string redirect;  // empty: there is none
};

class OverlayXattrs {
 public:
  /// Text that the tree does not hold is kept in `table`.
  explicit OverlayXattrs(XattrTable& table) : table_(table) {}

  /// Begins the next inode; what the last one had is gone.
  void start();
  /// Adds the tree's xattrs, escaped.
  void add(const Xattrs& xattrs);
  /// Begins a stub: it has the root's label, so that it can be looked up, and nothing else.
  void start_stub(const Xattrs& root);

  /// The root hides whatever a lower layer (the objects) has.
  void set_root();
  /// The content is an object.
  void set_object(const RegularFile& file);
  /// A whiteout of the tree is stored as a regular file that an overlayfs on top of ours takes for a whiteout.
  void set_whiteout();
  /// The directory of such files. From version 1 on it is marked in the newer way as well.
  void set_has_whiteouts(bool marked_opaque);

  struct Pair {
    std::string_view key;
    std::string_view value;
    XattrText text = XattrText::lasting;

    friend bool operator<(const Pair& left, const Pair& right) {
      return std::tie(left.key, left.value) < std::tie(right.key, right.value);
    }
  };
  /// All of the inode: by name for V0 and V1, as they were added for V2.
  std::span<const Pair> sorted();
  std::span<const Pair> as_added() const { return pairs_; }

 private:
  void set(std::string_view key, std::string_view value, XattrText text = XattrText::lasting);

  XattrTable& table_;
  ObjectXattrs object_;
  std::vector<Pair> pairs_;
};

}  // namespace sealroot::image
