// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// What can be said to `sealroot mount`, and what is refused before anything is mounted.
#include "builder/mount/mount_image.hpp"
#include "store/core/error.hpp"
#include "tests/catch.hpp"

using namespace sealroot;

TEST_CASE("a range of ids is three numbers") {
  CHECK(parse_id_range("0:100000:65536") == IdRange{0, 100000, 65536});
  CHECK(parse_id_range("4294967294:0:1") == IdRange{4294967294U, 0, 1});
}

TEST_CASE("what is no range of ids is refused") {
  for (const char* text : {"", "0", "0:1", "0:1:", ":1:2", "0:1:2:3", "0:1:2 ", "-1:0:1", "+1:0:1", "a:0:1",
                           "0:0:4294967296", "0:0:0", "0:1:4294967295", "4294967295:0:1"}) {
    INFO(text);
    CHECK_THROWS_WITH(parse_id_range(text), has_text("ids "));
  }
}

TEST_CASE("ranges that share an id are refused") {
  CHECK_NOTHROW(check_id_ranges({{0, 100, 10}, {10, 110, 10}}));
  CHECK_THROWS_WITH(check_id_ranges({{0, 100, 10}, {9, 200, 10}}), has_text("in common"));
  CHECK_THROWS_WITH(check_id_ranges({{0, 100, 10}, {50, 105, 1}}), has_text("in common"));
}

TEST_CASE("options of a mount that contradict each other are refused") {
  MountOptions options;
  options.repository = "r";
  CHECK_NOTHROW(check_mount_options(options));
  options.upper_directory = "u";
  CHECK_THROWS_WITH(check_mount_options(options), has_text("--workdir"));
  options.work_directory = "w";
  CHECK_NOTHROW(check_mount_options(options));
  options.repository.clear();
  CHECK_THROWS_WITH(check_mount_options(options), has_text("--repo"));
}
