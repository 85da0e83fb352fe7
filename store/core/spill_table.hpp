// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// A vector of what may be millions.
#pragma once

#include <bit>
#include <cstddef>
#include <iterator>
#include <type_traits>
#include <utility>

#include "store/core/spill_memory.hpp"

namespace sealroot {

/// Has the interface of a vector, but grows by blocks: none but the first is ever copied.
template <typename T>
class SpillTable {
  template <bool is_const>
  class Iterator {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using reference = std::conditional_t<is_const, const T&, T&>;
    using pointer = std::conditional_t<is_const, const T*, T*>;
    using Owner = std::conditional_t<is_const, const SpillTable, SpillTable>;

    Iterator() = default;
    Iterator(Owner& table, std::size_t index) : table_(&table), index_(index) {}
    reference operator*() const { return (*table_)[index_]; }
    pointer operator->() const { return &(*table_)[index_]; }
    Iterator& operator++() {
      ++index_;
      return *this;
    }
    Iterator operator++(int) { return {*table_, index_++}; }
    friend bool operator==(const Iterator& left, const Iterator& right) { return left.index_ == right.index_; }

   private:
    Owner* table_ = nullptr;
    std::size_t index_ = 0;
  };

 public:
  using value_type = T;

  SpillTable() = default;
  explicit SpillTable(std::size_t count, const T& element = T()) {
    for (std::size_t i = 0; i < count; ++i) emplace_back(element);
  }

  Iterator<false> begin() { return {*this, 0}; }
  Iterator<false> end() { return {*this, size()}; }
  Iterator<true> begin() const { return {*this, 0}; }
  Iterator<true> end() const { return {*this, size()}; }

  bool empty() const { return blocks_.empty(); }
  std::size_t size() const { return empty() ? 0 : (blocks_.size() - 1) * block_size + blocks_.back().size(); }
  T& operator[](std::size_t index) {
    visit_spilled();
    return blocks_[index / block_size][index % block_size];
  }
  const T& operator[](std::size_t index) const {
    visit_spilled();
    return blocks_[index / block_size][index % block_size];
  }
  T& back() { return blocks_.back().back(); }

  void push_back(const T& element) { emplace_back(element); }
  void push_back(T&& element) { emplace_back(std::move(element)); }
  template <typename... Arguments>
  T& emplace_back(Arguments&&... arguments) {
    if (empty() || blocks_.back().size() == block_size) add_block();
    return blocks_.back().emplace_back(std::forward<Arguments>(arguments)...);
  }
  void clear() { blocks_.clear(); }

  friend bool operator==(const SpillTable&, const SpillTable&) = default;

 private:
  static constexpr std::size_t block_size = std::bit_floor((std::size_t{512} << 10) / sizeof(T));

  /// The first block grows by itself: most tables are small.
  void add_block() {
    limit_mapped_spill();
    const bool is_first = blocks_.empty();
    blocks_.emplace_back();
    if (!is_first) blocks_.back().reserve(block_size);
  }

  SpillVector<SpillVector<T>> blocks_;
};

}  // namespace sealroot
