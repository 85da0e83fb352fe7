// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/tree/children.hpp"

#include <map>
#include <random>
#include <string>

#include "tests/catch.hpp"

using namespace sealroot;

namespace {

using Map = std::map<std::string, NodeId, std::less<>>;

void check_same(const Children& children, const Map& expected) {
  CHECK(children.size() == expected.size());
  CHECK(children.empty() == expected.empty());
  auto child = children.begin();
  bool same = true;
  for (const auto& [name, node] : expected) {
    same = same && child->first == name && child->second == node && children.find(name) == child;
    ++child;
  }
  CHECK(same);
  CHECK(child == children.end());
  for (auto last = expected.rbegin(); last != expected.rend(); ++last) same = same && (--child)->first == last->first;
  CHECK(same);
  CHECK(child == children.begin());
}

}  // namespace

TEST_CASE("names of a directory are those of a map, whatever is done to both") {
  std::mt19937 random(1);
  for (const unsigned names : {10U, 300U, 5000U}) {
    CAPTURE(names);
    Children children;
    Map map;
    for (NodeId step = 0; step < 4 * names; ++step) {
      const std::string name = "n" + std::to_string(random() % names);
      switch (random() % 8) {
        case 0:
          children.erase(name);
          map.erase(name);
          break;
        case 1:
          children.insert_or_assign(name, step);
          map.insert_or_assign(name, step);
          break;
        case 2:
          children[name] = step;
          map[name] = step;
          break;
        default:
          const auto [place, added] = children.emplace(name, step);
          CHECK(added == map.emplace(name, step).second);
          CHECK(place->first == name);
      }
      CHECK(children.contains(name) == map.contains(name));
    }
    check_same(children, map);
    const Children copy = children;
    const auto odd = [](const auto& child) { return child.second % 2 == 1; };
    children.erase_if(odd);
    check_same(copy, map);
    std::erase_if(map, odd);
    check_same(children, map);
    children.clear();
    check_same(children, {});
  }
}

TEST_CASE("names that come in order, or backwards, fill a directory of many blocks") {
  for (const bool backwards : {false, true}) {
    Children children;
    Map map;
    for (NodeId i = 0; i < 3000; ++i) {
      const std::string name = std::to_string(100000 + (backwards ? 3000 - i : i));
      children.emplace(name, i);
      map.emplace(name, i);
    }
    check_same(children, map);
    CHECK_THROWS_AS(children.at("1"), std::out_of_range);
    CHECK(children.at("100001") == map.at("100001"));
    CHECK(children.find("2") == children.end());
  }
}
