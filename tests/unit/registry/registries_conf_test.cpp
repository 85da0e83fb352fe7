// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/registry/registries_conf.hpp"

#include "store/core/error.hpp"
#include "tests/catch.hpp"

using namespace sealroot;

namespace {

const std::string digest = "@sha256:" + std::string(64, 'a');

/// All places, `!` behind those that are insecure.
std::vector<std::string> places(std::string_view text, const std::string& reference) {
  RegistriesConf conf;
  conf.add(text);
  std::vector<std::string> found;
  for (const Endpoint& endpoint : conf.endpoints(parse_reference(reference))) {
    found.push_back(endpoint.reference.text() + (endpoint.insecure ? "!" : ""));
  }
  return found;
}

using Places = std::vector<std::string>;

}  // namespace

TEST_CASE("without a rule a registry is asked itself") {
  CHECK(places("unqualified-search-registries = ['x.y']", "a.b/c:1") == Places{"a.b/c:1"});
}

TEST_CASE("the longest prefix that ends at a name's part decides") {
  constexpr std::string_view text = R"(
[[registry]]
location = "a.b"
insecure = true
[[registry]]
prefix = "a.b/team"
location = "c.d:5000/mirrored/"
)";
  CHECK(places(text, "a.b/x:1") == Places{"a.b/x:1!"});
  CHECK(places(text, "a.b/team/x:1") == Places{"c.d:5000/mirrored/x:1"});
  CHECK(places(text, "a.b/teams/x:1") == Places{"a.b/teams/x:1!"});
  CHECK(places(text, "a.bc/x:1") == Places{"a.bc/x:1"});
}

TEST_CASE("a prefix may be all hosts of a domain") {
  constexpr std::string_view text = "[[registry]]\nprefix = '*.a.b'\nlocation = 'c.d/all'";
  CHECK(places(text, "x.a.b/y:1") == Places{"c.d/all/y:1"});
  CHECK(places(text, "a.b/y:1") == Places{"a.b/y:1"});
  CHECK(places(text, "xa.b/y:1") == Places{"xa.b/y:1"});
}

TEST_CASE("mirrors come first, as far as they are for tags or digests") {
  constexpr std::string_view text = R"(
[[registry]]
location = "a.b"
[[registry.mirror]]
location = "m.1"
insecure = true
[[registry.mirror]]
location = "m.2/x"
pull-from-mirror = "digest-only"
[[registry.mirror]]
location = "m.3"
pull-from-mirror = "tag-only"
)";
  CHECK(places(text, "a.b/c:1") == Places{"m.1/c:1!", "m.3/c:1", "a.b/c:1"});
  CHECK(places(text, "a.b/c" + digest) == Places{"m.1/c" + digest + "!", "m.2/x/c" + digest, "a.b/c" + digest});
}

TEST_CASE("mirror-by-digest-only is for all mirrors") {
  constexpr std::string_view text = R"(
[[registry]]
location = "a.b"
mirror-by-digest-only = true
[[registry.mirror]]
location = "m.1"
)";
  CHECK(places(text, "a.b/c:1") == Places{"a.b/c:1"});
}

TEST_CASE("a later file replaces the rule of a prefix") {
  RegistriesConf conf;
  conf.add("[[registry]]\nlocation = 'a.b'\nblocked = true");
  CHECK_THROWS_WITH(conf.endpoints(parse_reference("a.b/c")), has_text("blocks 'a.b'"));
  conf.add("[[registry]]\nlocation = 'a.b'");
  CHECK(conf.endpoints(parse_reference("a.b/c")).size() == 1);
}

TEST_CASE("what is wrong in the file is told") {
  struct Row {
    std::string_view text;
    std::string reason;
  };
  for (const Row& row :
       {Row{"x = ", "line 1"}, Row{"[[registry]]\nblocked = 'yes'\nlocation='a.b'", "'blocked'"},
        Row{"[registry]\nlocation = 'a.b'", "[[registry]]"}, Row{"[[registry]]", "without 'prefix'"},
        Row{"[registries.search]\nregistries = []", "format 1"},
        Row{"[[registry]]\nlocation='a.b'\n[[registry.mirror]]\ninsecure=true", "without 'location'"}}) {
    CAPTURE(row.text);
    CHECK_THROWS_WITH(places(row.text, "a.b/c"), has_text(row.reason));
  }
}

TEST_CASE("a location that makes no name of a name is refused") {
  CHECK_THROWS_WITH(places("[[registry]]\nprefix='a.b'\nlocation='https://c.d'", "a.b/c"),
                    has_text("which is no name"));
}
