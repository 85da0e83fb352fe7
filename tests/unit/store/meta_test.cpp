// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/meta.hpp"

#include "store/core/error.hpp"
#include "tests/catch.hpp"

using namespace sealroot;

TEST_CASE("what we write we read") {
  for (const Algorithm algorithm : {Algorithm::sha256, Algorithm::sha512}) {
    const RepositoryMeta meta = parse_meta(as_bytes(new_meta_json(algorithm)));
    CHECK(meta.algorithm == algorithm);
    CHECK(meta.image_format == ImageFormat::v1);
    CHECK(meta.unknown_read_only_features.empty());
  }
}

TEST_CASE("the image format without erofs_formats follows from the feature list") {
  CHECK(parse_meta(as_bytes(R"({"version":1,"algorithm":"fsverity-sha256-12"})")).image_format == ImageFormat::v2);
  CHECK(parse_meta(as_bytes(R"({"version":1,"algorithm":"fsverity-sha256-12",
                                "features":{"read-only-compatible":["v1_erofs"]}})"))
            .image_format == ImageFormat::v1);
}

TEST_CASE("unknown compatible features and fields are ignored, unknown read-only ones are told") {
  const RepositoryMeta meta = parse_meta(as_bytes(R"({"version":1,"algorithm":"fsverity-sha512-12","later":{},
                              "features":{"compatible":["x"],"read-only-compatible":["v1_erofs","y"],"incompatible":[]},
                              "erofs_formats":{"default":2,"extra":[1]}})"));
  CHECK(meta.unknown_read_only_features == std::vector<std::string>{"y"});
  CHECK(meta.image_format == ImageFormat::v2);
}

TEST_CASE("meta.json that is newer, incomplete or unclear is refused") {
  struct Row {
    const char* text;
    const char* message;
  };
  const Row rows[] = {
      {"", "syntax error"},
      {"[]", "an object was expected"},
      {"{}", "'version' is not a whole number"},
      {R"({"version":-1,"algorithm":"fsverity-sha512-12"})", "'version' is not a whole number"},
      {R"({"version":1.0,"algorithm":"fsverity-sha512-12"})", "'version' is not a whole number"},
      {R"({"version":2,"algorithm":"fsverity-sha512-12"})", "version 2 is newer"},
      {R"({"version":1})", "'algorithm' is not a string"},
      {R"({"version":1,"algorithm":"fsverity-md5-12"})", "algorithm 'fsverity-md5-12' is not known"},
      {R"({"version":1,"algorithm":"fsverity-sha512-16"})", "is not known"},
      {R"({"version":1,"algorithm":"fsverity-sha512-12","algorithm":"fsverity-sha256-12"})", "appears twice"},
      {R"({"version":1,"algorithm":"fsverity-sha512-12","features":[]})", "an object was expected"},
      {R"({"version":1,"algorithm":"fsverity-sha512-12","features":{"incompatible":"x"}})", "is not a list"},
      {R"({"version":1,"algorithm":"fsverity-sha512-12","features":{"incompatible":[1]}})", "not a string"},
      {R"({"version":1,"algorithm":"fsverity-sha512-12","features":{"incompatible":["x"]}})", "needs feature 'x'"},
      {R"({"version":1,"algorithm":"fsverity-sha512-12","erofs_formats":{"default":3}})", "EROFS format 3"},
      {R"({"version":1,"algorithm":"fsverity-sha512-12","erofs_formats":{}})", "'default' is not a whole number"},
      {R"({"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{}}}}}}}}})", "nested deeper than 8"},
  };
  for (const Row& row : rows) {
    INFO(row.text);
    try {
      parse_meta(as_bytes(row.text));
      FAIL("was accepted");
    } catch (const Error& error) {
      CHECK(error.fault() == Fault::malformed);
      CHECK_THAT(error.what(), has_text(row.message));
    }
  }
}
