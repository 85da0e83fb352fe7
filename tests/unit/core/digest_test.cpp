// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/core/digest.hpp"

#include <string>

#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "tests/catch.hpp"

using namespace sealroot;

TEST_CASE("hex digits give a digest of the algorithm their number stands for") {
  const auto sha256 = Digest::try_parse(std::string(64, 'a'));
  const auto sha512 = Digest::try_parse(std::string(128, '0'));
  REQUIRE(sha256);
  REQUIRE(sha512);
  CHECK(sha256->algorithm() == Algorithm::sha256);
  CHECK(sha512->algorithm() == Algorithm::sha512);
  CHECK(to_hex(*sha256) == std::string(64, 'a'));
  CHECK(object_path(*sha256) == "aa/" + std::string(62, 'a'));
  CHECK(digest_token_value(*sha256) == "v1-sha256-12:" + std::string(64, 'a'));
  CHECK(try_parse_object_path(object_path(*sha512)) == sha512);
}

TEST_CASE("C7_malformed_digest_is_refused") {
  const std::string good(64, 'b');
  for (const std::string& text : {std::string{}, good.substr(1), good + "b", std::string(63, 'b') + "B",
                                  std::string(63, 'b') + "g", std::string(63, 'b') + " ", "../" + good.substr(3)}) {
    CAPTURE(text);
    CHECK_FALSE(Digest::try_parse(text));
  }
  CHECK_FALSE(try_parse_object_path(good));
  CHECK_FALSE(try_parse_object_path("b/" + good));
}

TEST_CASE("I5_text_from_outside_is_printed_escaped") {
  CHECK(quoted("a\x1b[31m\n'\\") == "'a\\x1b[31m\\x0a\\x27\\x5c'");
}
