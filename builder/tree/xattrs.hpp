// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The extended attributes of one node.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "builder/tree/boxed.hpp"
#include "builder/tree/text.hpp"
#include "store/core/spill_memory.hpp"

namespace sealroot {

/// A map whose names are bytes and sort as bytes; values are bytes. Few files have any, so it is a pointer.
class Xattrs {
 public:
  struct Pair {
    Text first;
    Text second;
    friend bool operator==(const Pair&, const Pair&) = default;
  };
  using const_iterator = SpillVector<Pair>::const_iterator;

  Xattrs() = default;
  Xattrs(std::initializer_list<std::pair<std::string_view, std::string_view>> pairs) {
    for (const auto& [name, value] : pairs) emplace(name, value);
  }

  bool empty() const { return pairs_.empty(); }
  const_iterator begin() const { return pairs_.get().begin(); }
  const_iterator end() const { return pairs_.get().end(); }
  const_iterator find(std::string_view name) const {
    const const_iterator place = place_of(name);
    return place != end() && place->first == name ? place : end();
  }

  Text& operator[](std::string_view name) { return pairs_.edit()[index_of(emplace(name, {}).first)].second; }
  /// As of a map: the place, and false if the name was there, whose value stays.
  std::pair<const_iterator, bool> emplace(std::string_view name, std::string_view value) {
    const const_iterator place = place_of(name);
    if (place != end() && place->first == name) return {place, false};
    const auto index = static_cast<std::ptrdiff_t>(index_of(place));
    return {pairs_.edit().insert(pairs_.edit().begin() + index, {name, value}), true};
  }
  template <typename Predicate>
  void erase_if(Predicate&& predicate) {
    if (!empty()) std::erase_if(pairs_.edit(), std::forward<Predicate>(predicate));
  }
  void erase(std::string_view name) {
    erase_if([name](const Pair& pair) { return pair.first == name; });
  }

  friend bool operator==(const Xattrs& left, const Xattrs& right) { return left.pairs_.get() == right.pairs_.get(); }

 private:
  const_iterator place_of(std::string_view name) const {
    return std::partition_point(begin(), end(), [&](const Pair& pair) { return pair.first.view() < name; });
  }
  std::size_t index_of(const_iterator place) const { return static_cast<std::size_t>(place - begin()); }

  Boxed<SpillVector<Pair>> pairs_;  // sorted by name
};

}  // namespace sealroot
