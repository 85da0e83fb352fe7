// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/registry/url.hpp"

#include "store/core/error.hpp"
#include "tests/catch.hpp"

using namespace sealroot;

TEST_CASE("an origin is scheme, host and port") {
  const Url url = parse_url("HTTPS://Registry.Example/v2/");
  CHECK(url.scheme == "https");
  CHECK(url.authority() == "registry.example");
  CHECK(url.same_origin(parse_url("https://registry.example:443/x?y")));
  CHECK_FALSE(url.same_origin(parse_url("https://registry.example:444/")));
  CHECK_FALSE(url.same_origin(parse_url("http://registry.example:443/")));
  CHECK_FALSE(url.same_origin(parse_url("https://registry.example.org/")));
  CHECK(parse_url("http://[::1]:5000/").authority() == "[::1]:5000");
}

TEST_CASE("a location may be whole or a part") {
  const Url base = parse_url("https://a.b:5000/v2/x/blobs/y?z=1");
  CHECK(resolve_url(base, "/v2/q").text == "https://a.b:5000/v2/q");
  CHECK(resolve_url(base, "?w=2").text == "https://a.b:5000/v2/x/blobs/y?w=2");
  CHECK(resolve_url(base, "//c.d/e").authority() == "c.d");
  CHECK(resolve_url(base, "https://c.d/e").text == "https://c.d/e");
}

TEST_CASE("N4_addresses_of_other_kinds_are_refused") {
  const Url base = parse_url("https://a.b/");
  for (const std::string text : {"file:///etc/passwd", "ftp://a.b/", "gopher://a.b/", "javascript:x", "", "https://",
                                 "https://user@a.b/", "https://user:password@a.b/", "https://a b/"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(resolve_url(base, text), Error);
  }
  CHECK_THROWS_AS(parse_url("/v2/"), Error);
}

TEST_CASE("a value of a query can't become another") {
  CHECK(percent_encoded("a b&c=d/\xff#") == "a%20b%26c%3Dd%2F%FF%23");
  CHECK(percent_encoded("A-z_0.9~") == "A-z_0.9~");
}
