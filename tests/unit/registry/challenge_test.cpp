// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/registry/challenge.hpp"

#include "tests/catch.hpp"

using namespace sealroot;

TEST_CASE("a challenge has a scheme and parameters") {
  const auto found = parse_challenges(R"(Bearer realm="https://a/t?x=1,2",Service=b , scope="re\"po:a:pull,push")");
  REQUIRE(found.size() == 1);
  CHECK(found[0].scheme == "bearer");
  CHECK(found[0].parameters == std::map<std::string, std::string>{
                                   {"realm", "https://a/t?x=1,2"}, {"service", "b"}, {"scope", "re\"po:a:pull,push"}});
}

TEST_CASE("one header may hold several") {
  const auto found = parse_challenges(R"(Negotiate, Basic realm="x", charset="UTF-8", Bearer realm=y)");
  REQUIRE(found.size() == 3);
  CHECK(found[0].scheme == "negotiate");
  CHECK(found[0].parameters.empty());
  CHECK(found[1].parameters.at("charset") == "UTF-8");
  CHECK(found[2].parameters.at("realm") == "y");
}

TEST_CASE("of two parameters of one name the first counts") {
  CHECK(parse_challenges("Basic realm=a, REALM=b").at(0).parameters.at("realm") == "a");
}

TEST_CASE("what is no challenge ends the list") {
  CHECK(parse_challenges("").empty());
  CHECK(parse_challenges(" , ,").empty());
  CHECK(parse_challenges("=x").empty());
  CHECK(parse_challenges(R"(Basic realm="open)").at(0).parameters.empty());
  CHECK(parse_challenges(R"(Basic realm="ends\)").at(0).parameters.empty());
}
