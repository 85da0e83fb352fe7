// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/core/fd.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include "store/core/error.hpp"
#include "tests/catch.hpp"
#include "tests/scratch.hpp"

using namespace sealroot;

TEST_CASE("names from outside neither leave the directory nor follow links") {
  const Scratch scratch;
  make_directories(scratch.directory(), "a/b");
  write_new_file(scratch.directory(), "a/b/file", as_bytes("content"));
  REQUIRE(::symlinkat("b", scratch.directory().get(), "a/link") == 0);
  const Fd a = open_beneath(scratch.directory(), "a", O_DIRECTORY);

  CHECK(as_text(read_all(open_beneath(a, "b/file", O_RDONLY))) == "content");
  CHECK_FALSE(try_open_beneath(a, "b/none", O_RDONLY));
  CHECK_THROWS_WITH(open_beneath(a, "../a/b/file", O_RDONLY), has_text("leaves its directory"));
  CHECK_THROWS_WITH(open_beneath(a, "link/file", O_RDONLY), has_text("symbolic link"));
}

TEST_CASE("a file over the limit is malformed and a new file never overwrites") {
  const Scratch scratch;
  write_new_file(scratch.directory(), "f", as_bytes("12345"));
  CHECK(read_file(scratch.directory(), "f", 5).size() == 5);
  CHECK_THROWS_AS(read_file(scratch.directory(), "f", 4), Error);
  CHECK_THROWS_AS(write_new_file(scratch.directory(), "f", as_bytes("x")), Error);
}
