// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The extended attributes of one node.
#pragma once

#include <functional>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "builder/tree/boxed.hpp"

namespace sealroot {

/// A map whose names are bytes and sort as bytes; values are bytes. Few files have any, so it is a pointer.
class Xattrs {
 public:
  using Map = std::map<std::string, std::string, std::less<>>;
  using const_iterator = Map::const_iterator;

  Xattrs() = default;
  Xattrs(std::initializer_list<Map::value_type> pairs) : pairs_(Map(pairs)) {}

  bool empty() const { return pairs_.empty(); }
  const_iterator begin() const { return pairs_.get().begin(); }
  const_iterator end() const { return pairs_.get().end(); }
  const_iterator find(std::string_view name) const { return pairs_.get().find(name); }
  const std::string& at(const std::string& name) const { return pairs_.get().at(name); }

  std::string& operator[](const std::string& name) { return pairs_.edit()[name]; }
  /// As of a map: the place, and false if the name was there, whose value stays.
  std::pair<const_iterator, bool> emplace(std::string name, std::string value) {
    return pairs_.edit().emplace(std::move(name), std::move(value));
  }
  template <typename Predicate>
  void erase_if(Predicate&& predicate) {
    if (!empty()) std::erase_if(pairs_.edit(), std::forward<Predicate>(predicate));
  }
  void erase(std::string_view name) {
    erase_if([name](const auto& pair) { return pair.first == name; });
  }

  friend bool operator==(const Xattrs& left, const Xattrs& right) { return left.pairs_.get() == right.pairs_.get(); }

 private:
  Boxed<Map> pairs_;
};

}  // namespace sealroot
