// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/release.hpp"

#include <cstdlib>

#include "store/core/error.hpp"
#include "tests/catch.hpp"
#include "tests/scratch.hpp"

using namespace sealroot;

namespace {

/// A tree with an os-release of at most 64 bytes, which needs no store.
SourceResult source_with(const std::string& os_release) {
  SourceResult source;
  Tree& tree = source.tree;
  const NodeId etc = tree.add(Node{});
  tree[root_node].directory()->children["etc"] = etc;
  RegularFile content;
  content.size = os_release.size();
  content.inline_content = os_release;
  const NodeId file = tree.add(Node{});
  tree[file].content = content;
  tree[file].metadata.mtime_seconds = 1700000000;
  tree[etc].directory()->children["os-release"] = file;
  return source;
}

Release release_of(const BuildOptions& options, const SourceResult& source) {
  const Scratch scratch;
  const ObjectStore store(open_at(scratch.directory(), ".", O_DIRECTORY | O_RDONLY), Algorithm::sha256);
  return make_release(options, UkiTemplate{}, source, TreeFiles(source.tree, store));
}

}  // namespace

TEST_CASE("times are read as RFC 3339 writes them") {
  struct Row {
    const char* text;
    std::optional<std::int64_t> seconds;
  };
  for (const Row& row : std::vector<Row>{{"1970-01-01T00:00:00Z", 0},
                                         {"2023-11-14T22:13:20Z", 1700000000},
                                         {"2023-11-14T22:13:20.999999999Z", 1700000000},
                                         {"2023-11-15T00:13:20+02:00", 1700000000},
                                         {"2023-11-14T21:43:20.5-00:30", 1700000000},
                                         {"1969-12-31T23:59:59Z", -1},
                                         {"2023-02-29T00:00:00Z", std::nullopt},
                                         {"2023-11-14T22:13:20", std::nullopt},
                                         {"2023-11-14T22:13:20.Z", std::nullopt},
                                         {"2023-11-14 22:13:20Z", std::nullopt},
                                         {"2023-11-14T24:13:20Z", std::nullopt},
                                         {"x023-11-14T22:13:20Z", std::nullopt},
                                         {"", std::nullopt}}) {
    CAPTURE(row.text);
    CHECK(try_parse_rfc3339(row.text) == row.seconds);
  }
}

TEST_CASE("a build is named by option, label, os-release or time, in this order") {
  ::unsetenv("SOURCE_DATE_EPOCH");
  SourceResult source = source_with("ID=small\nIMAGE_VERSION=3\n");
  CHECK(release_of({}, source).image_id == "small");
  CHECK(release_of({}, source).image_version == "3");
  CHECK(release_of({}, source).timestamp == 1700000000);

  source = source_with("ID=small\n");
  CHECK(release_of({}, source).image_version == "20231114221320");
  source.info.config.created = "1970-01-01T00:01:00Z";
  CHECK(release_of({}, source).image_version == "19700101000100");
  source.info.config.labels["org.opencontainers.image.version"] = "42";
  CHECK(release_of({}, source).image_version == "42");

  BuildOptions options;
  options.image_id = "web";
  options.image_version = "7";
  const Release release = release_of(options, source);
  CHECK(release.image_id == "web");
  CHECK(release.text.find("IMAGE_VERSION=7") != std::string::npos);
}

TEST_CASE("I2_names_that_a_boot_entry_cannot_have_are_refused") {
  BuildOptions options;
  for (const char* name : {"", "../x", "a b", "a/b", "\x1b[31m", ".x"}) {
    CAPTURE(name);
    options.image_version = name;
    CHECK_THROWS_WITH(release_of(options, source_with("ID=small\n")), has_text("--image-version"));
  }
}

TEST_CASE("a version that a boot loader takes for a count of tries is refused") {
  BuildOptions options;
  for (const char* name : {"1+2", "1.0+3-1", "+0"}) {
    CAPTURE(name);
    options.image_version = name;
    CHECK_THROWS_WITH(release_of(options, source_with("ID=small\n")), has_text("--image-version"));
  }
  for (const char* name : {"1+", "1+git", "1+2.0", "1-2"}) {
    options.image_version = name;
    CHECK(release_of(options, source_with("ID=small\n")).image_version == name);
  }
}

TEST_CASE("SOURCE_DATE_EPOCH replaces the time of the source and must be a number") {
  ::setenv("SOURCE_DATE_EPOCH", "60", 1);
  CHECK(release_of({}, source_with("ID=small\n")).timestamp == 60);
  ::setenv("SOURCE_DATE_EPOCH", "yesterday", 1);
  CHECK_THROWS_WITH(release_of({}, source_with("ID=small\n")), has_text("SOURCE_DATE_EPOCH"));
  ::unsetenv("SOURCE_DATE_EPOCH");
}
