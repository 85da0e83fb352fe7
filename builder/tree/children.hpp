// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The names in one directory.
#pragma once

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <stdexcept>
#include <string_view>
#include <type_traits>
#include <utility>

#include "builder/tree/text.hpp"
#include "store/core/spill_memory.hpp"

namespace sealroot {

using NodeId = std::uint32_t;

/// A map from names, sorted as bytes, to nodes, with the interface of std::map and a third of its memory: sorted blocks
/// of at most 256 names. Any change but that of a NodeId ends the life of all iterators.
class Children {
 public:
  struct value_type {
    Text first;
    NodeId second;
  };

 private:
  using Block = SpillVector<value_type>;
  using Blocks = SpillVector<Block>;

  template <bool is_const>
  class Iterator {
   public:
    using iterator_category = std::bidirectional_iterator_tag;
    using value_type = Children::value_type;
    using difference_type = std::ptrdiff_t;
    using reference = std::conditional_t<is_const, const value_type&, value_type&>;
    using pointer = std::conditional_t<is_const, const value_type*, value_type*>;
    using Owner = std::conditional_t<is_const, const Blocks, Blocks>;

    Iterator() = default;
    Iterator(Owner& blocks, std::size_t block, std::size_t index) : blocks_(&blocks), block_(block), index_(index) {}
    operator Iterator<true>() const requires(!is_const) { return {*blocks_, block_, index_}; }

    reference operator*() const { return (*blocks_)[block_][index_]; }
    pointer operator->() const { return &**this; }
    Iterator& operator++() {
      if (++index_ == (*blocks_)[block_].size()) {
        ++block_;
        index_ = 0;
      }
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++*this;
      return before;
    }
    Iterator& operator--() {
      if (index_ == 0) index_ = (*blocks_)[--block_].size();
      --index_;
      return *this;
    }
    Iterator operator--(int) {
      Iterator before = *this;
      --*this;
      return before;
    }
    friend bool operator==(const Iterator& left, const Iterator& right) {
      return left.block_ == right.block_ && left.index_ == right.index_;
    }

   private:
    friend class Children;
    Owner* blocks_ = nullptr;
    std::size_t block_ = 0;
    std::size_t index_ = 0;
  };

 public:
  using iterator = Iterator<false>;
  using const_iterator = Iterator<true>;

  iterator begin() { return {blocks_, 0, 0}; }
  iterator end() { return {blocks_, blocks_.size(), 0}; }
  const_iterator begin() const { return {blocks_, 0, 0}; }
  const_iterator end() const { return {blocks_, blocks_.size(), 0}; }

  bool empty() const { return blocks_.empty(); }
  std::size_t size() const {
    std::size_t size = 0;
    for (const Block& block : blocks_) size += block.size();
    return size;
  }
  void clear() { blocks_ = {}; }

  const_iterator find(std::string_view name) const {
    const auto [block, index] = place_of(name);
    return holds(block, index, name) ? const_iterator(blocks_, block, index) : end();
  }
  iterator find(std::string_view name) {
    const auto [block, index] = place_of(name);
    return holds(block, index, name) ? iterator(blocks_, block, index) : end();
  }
  bool contains(std::string_view name) const { return find(name) != end(); }
  /// std::out_of_range if there is no such name.
  NodeId at(std::string_view name) const {
    const const_iterator found = find(name);
    if (found == end()) throw std::out_of_range("no such name in the directory");
    return found->second;
  }

  /// As of a map: the place, and false if the name was there, whose node stays.
  std::pair<iterator, bool> emplace(std::string_view name, NodeId node) {
    const auto [block, index] = place_of(name);
    if (holds(block, index, name)) return {iterator(blocks_, block, index), false};
    return {insert(block, index, {name, node}), true};
  }
  void insert_or_assign(std::string_view name, NodeId node) { emplace(name, node).first->second = node; }
  NodeId& operator[](std::string_view name) { return emplace(name, 0).first->second; }

  void erase(std::string_view name) {
    const auto [block, index] = place_of(name);
    if (!holds(block, index, name)) return;
    blocks_[block].erase(blocks_[block].begin() + static_cast<std::ptrdiff_t>(index));
    if (blocks_[block].empty()) blocks_.erase(blocks_.begin() + static_cast<std::ptrdiff_t>(block));
  }
  template <typename Predicate>
  void erase_if(Predicate&& predicate) {
    for (Block& block : blocks_) std::erase_if(block, predicate);
    std::erase_if(blocks_, [](const Block& block) { return block.empty(); });
  }

 private:
  static constexpr std::size_t max_block_size = 256;

  bool holds(std::size_t block, std::size_t index, std::string_view name) const {
    return block < blocks_.size() && index < blocks_[block].size() && blocks_[block][index].first == name;
  }

  /// Where `name` stands or belongs: in the last block that does not start behind it. Archives mostly name what comes
  /// last, so that is looked at first.
  std::pair<std::size_t, std::size_t> place_of(std::string_view name) const {
    if (blocks_.empty()) return {0, 0};
    if (blocks_.back().back().first.view() < name) return {blocks_.size() - 1, blocks_.back().size()};
    const auto block = std::partition_point(blocks_.begin() + 1, blocks_.end(),
                                            [&](const Block& each) { return each.front().first.view() <= name; }) -
                       1;
    const auto entry = std::partition_point(block->begin(), block->end(),
                                            [&](const value_type& each) { return each.first.view() < name; });
    return {static_cast<std::size_t>(block - blocks_.begin()), static_cast<std::size_t>(entry - block->begin())};
  }

  /// A full block is halved, but for names that come in order, which fill theirs.
  iterator insert(std::size_t block, std::size_t index, value_type entry) {
    if (blocks_.empty()) blocks_.emplace_back();
    if (blocks_[block].size() == max_block_size) {
      const bool is_append = block + 1 == blocks_.size() && index == max_block_size;
      const std::size_t kept = is_append ? max_block_size : max_block_size / 2;
      split(block, kept);
      if (index > kept || is_append) {
        ++block;
        index -= kept;
      }
    }
    Block& place = blocks_[block];
    place.insert(place.begin() + static_cast<std::ptrdiff_t>(index), std::move(entry));
    return {blocks_, block, index};
  }

  void split(std::size_t block, std::size_t kept) {
    Block behind;
    Block& before = blocks_[block];
    const auto cut = before.begin() + static_cast<std::ptrdiff_t>(kept);
    behind.assign(std::make_move_iterator(cut), std::make_move_iterator(before.end()));
    before.erase(cut, before.end());
    blocks_.insert(blocks_.begin() + static_cast<std::ptrdiff_t>(block) + 1, std::move(behind));
  }

  Blocks blocks_;  // none is empty
};

}  // namespace sealroot
