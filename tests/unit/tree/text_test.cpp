// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/tree/text.hpp"

#include <string>
#include <utility>

#include "builder/tree/xattrs.hpp"
#include "tests/catch.hpp"

using namespace sealroot;

TEST_CASE("a text holds any bytes") {
  const std::string bytes("a\0b", 3);
  Text text = bytes;
  CHECK(text == bytes);
  CHECK(text.size() == 3);
  text += "c";
  const Text copy = text;
  const Text moved = std::move(text);
  CHECK(copy == std::string("a\0bc", 4));
  CHECK(moved == copy);
  CHECK(Text("a") < Text("b"));
  CHECK(Text("") == Text());
  CHECK(Text().empty());
  text = copy;
  text = *&text;
  CHECK(text == copy);
}

TEST_CASE("xattrs are a map of bytes, in the order of their names") {
  Xattrs xattrs{{"user.b", "2"}, {"user.a", "1"}};
  CHECK_FALSE(xattrs.emplace("user.a", "other").second);
  CHECK(xattrs.emplace("user.c", std::string(1, '\0')).second);
  xattrs["user.b"] = "3";
  std::string names;
  for (const auto& [name, value] : xattrs) names += std::string(name) + "=" + value + " ";
  CHECK(names == std::string("user.a=1 user.b=3 user.c=\0 ", 27));
  Xattrs copy = xattrs;
  copy.erase("user.c");
  CHECK(copy == Xattrs{{"user.a", "1"}, {"user.b", "3"}});
  CHECK(xattrs.find("user.c") != xattrs.end());
  CHECK(copy.find("user.c") == copy.end());
  copy.erase_if([](const auto&) { return true; });
  CHECK(copy.empty());
  CHECK(copy == Xattrs{});
}
