// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// All xattrs of an image, each (name, value) pair once with the number of inodes that have it: pairs used more than
// once are written once and referred to. A hash table over one vector.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "store/core/spill_table.hpp"

namespace sealroot::image {

using XattrId = std::uint32_t;

/// One pair; the views point into the tree or into the table's own text.
struct Xattr {
  std::string_view key;
  std::string_view value;
  std::uint32_t uses = 0;
  std::uint32_t shared_offset = 0;  // from the start of the shared xattrs
  std::uint8_t prefix_index = 0;    // erofs::xattr_prefixes
  bool shared = false;

  std::string_view suffix() const;
  /// Size of the entry on disk, padding included.
  std::uint32_t entry_size() const;
};

/// Which prefixes an image format abbreviates: V0 and V1 store lustre. names whole.
enum class PrefixTable : bool { without_lustre, all };

/// Whether a text outlives the table.
enum class XattrText : bool { passing, lasting };

class XattrTable {
 public:
  explicit XattrTable(PrefixTable prefixes);

  /// The pair's id; counts one more use of it. `key` outlives the table (see keep()), and `value` if it is `lasting`.
  XattrId add(std::string_view key, std::string_view value, XattrText value_text);
  /// A pair as the table would have it, but not in it.
  Xattr make(std::string_view key, std::string_view value) const;
  /// The parts put together, in memory of the table.
  std::string_view keep(std::initializer_list<std::string_view> parts);

  SpillTable<Xattr>& all() { return xattrs_; }
  const SpillTable<Xattr>& all() const { return xattrs_; }
  const Xattr& operator[](XattrId id) const { return xattrs_[id]; }

 private:
  std::size_t find_slot(std::string_view key, std::string_view value, std::uint32_t hash) const;
  void grow();
  std::uint8_t prefix_index(std::string_view key) const;

  PrefixTable prefixes_;
  SpillTable<Xattr> xattrs_;
  std::vector<std::uint32_t> hashes_;  // by XattrId; like slots_ not spilled, as it is read in no order
  std::vector<std::uint32_t> slots_;   // XattrId + 1, 0 = empty; open addressing
  std::vector<SpillVector<char>> text_;
  std::size_t text_left_ = 0;
};

/// The bit that stands for this name in an inode's h_name_filter.
std::uint32_t name_filter_bit(const Xattr& xattr);

}  // namespace sealroot::image
