// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/registry/reference.hpp"

#include "store/core/error.hpp"
#include "tests/catch.hpp"

using namespace sealroot;

namespace {

const std::string digest = "sha256:" + std::string(64, 'a');

}  // namespace

TEST_CASE("references mean what they mean to podman and skopeo") {
  struct Row {
    std::string text;
    std::string whole;
  };
  const std::vector<Row> rows{
      {"debian", "docker.io/library/debian:latest"},
      {"debian:13", "docker.io/library/debian:13"},
      {"user/app", "docker.io/user/app:latest"},
      {"docker.io/debian", "docker.io/library/debian:latest"},
      {"localhost/app", "localhost/app:latest"},
      {"localhost:5000/a/b__c/d-e.f:V_1.2-3", "localhost:5000/a/b__c/d-e.f:V_1.2-3"},
      {"Host/app", "Host/app:latest"},
      {"registry.example/a---b", "registry.example/a---b:latest"},
      {"[::1]:5000/app", "[::1]:5000/app:latest"},
      {"a.b/c@" + digest, "a.b/c@" + digest},
      {"a.b/c:d@" + digest, "a.b/c:d@" + digest},
      {"a.b/" + std::string(255, 'n'), "a.b/" + std::string(255, 'n') + ":latest"},
      {"a.b/c:" + std::string(128, 't'), "a.b/c:" + std::string(128, 't')},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(parse_reference(row.text).text() == row.whole);
    CHECK(parse_reference(row.whole).text() == row.whole);
  }
}

TEST_CASE("a digest decides over a tag") {
  CHECK(parse_reference("a.b/c:d@" + digest).tag_or_digest() == digest);
  CHECK(parse_reference("a.b/c:d").tag_or_digest() == "d");
}

TEST_CASE("N8_what_is_no_reference_is_wrong_usage") {
  const std::vector<std::string> rows{"",
                                      "/",
                                      "a/",
                                      "/a",
                                      "a//b",
                                      "a/../b",
                                      "a/./b",
                                      "a/.b",
                                      "a/b.",
                                      "a/b_",
                                      "a/b___c",
                                      "a/b..c",
                                      "a/b._c",
                                      "a/-b",
                                      "a/B",
                                      "a b",
                                      "a/b:",
                                      "a/b:.x",
                                      "a/b:-x",
                                      "a/b:x/y",
                                      "a/b:x y",
                                      "a/b:" + std::string(129, 't'),
                                      "a/b@",
                                      "a/b@x",
                                      "a/b@sha256:" + std::string(63, 'a'),
                                      "a/b@sha256:" + std::string(65, 'a'),
                                      "a/b@sha256:" + std::string(64, 'A'),
                                      "a/b@sha1:" + std::string(40, 'a'),
                                      "a/b@sha256:../" + std::string(61, 'a'),
                                      "a/b@" + digest + "@" + digest,
                                      "http://h/a",
                                      "user@h.x/a",
                                      "h.x:/a",
                                      "h.x:a/b",
                                      "h.x:123456/b",
                                      "-h.x/a",
                                      "h-.x/a",
                                      "h..x/a",
                                      ".x/a",
                                      "h.x./a",
                                      "[::1/a",
                                      "[::1]x/a",
                                      "[]/a",
                                      "[g::]/a",
                                      "h.x/a%2fb",
                                      "h.x/a?b",
                                      "h.x/a#b",
                                      "h.x/a\\b",
                                      std::string("h.x/a\0", 6),
                                      "h.x/a\n",
                                      "h.x/" + std::string(256, 'n')};
  for (const std::string& text : rows) {
    CAPTURE(text);
    try {
      parse_reference(text);
      FAIL("was taken");
    } catch (const Error& error) {
      CHECK(error.fault() == Fault::usage);
      CHECK_THAT(error.what(), has_text("image reference"));
    }
  }
}
