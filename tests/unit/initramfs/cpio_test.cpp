// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/initramfs/cpio.hpp"

#include <string>

#include "store/core/error.hpp"
#include "tests/catch.hpp"
#include "tests/unit/initramfs/shell.hpp"

using namespace sealroot;

namespace {

Bytes sample() {
  CpioWriter archive;
  archive.add_directory("dev");
  archive.add_character_device("dev/console", 0600, 5, 1);
  archive.add_file("init", as_bytes("12345"), 0755);
  return archive.finish();
}

}  // namespace

TEST_CASE("an entry has the header of the specification") {
  CpioWriter archive;
  archive.add_file("a", as_bytes("xyz"), 0640);
  const Bytes bytes = archive.finish();
  CHECK(as_text(bytes).substr(0, 110) ==
        "070701"
        "00000001"
        "000081a0"
        "00000000"
        "00000000"
        "00000001"
        "00000000"
        "00000003"
        "00000000"
        "00000000"
        "00000000"
        "00000000"
        "00000002"
        "00000000");
  CHECK(as_text(bytes).substr(110, 2) == std::string_view("a\0", 2));
  CHECK(as_text(bytes).substr(112, 4) == std::string_view("xyz\0", 4));
  CHECK(as_text(bytes).find("TRAILER!!!") == 116 + 110);
}

TEST_CASE("archives are aligned, equal each time, and the writer starts anew") {
  CHECK(sample().size() % 4 == 0);
  CHECK(sample() == sample());
  CpioWriter archive;
  archive.add_file("a", as_bytes("x"));
  const Bytes first = archive.finish();
  archive.add_file("a", as_bytes("x"));
  CHECK(archive.finish() == first);
}

TEST_CASE("cpio and bsdtar list what was written") {
  const Scratch scratch;
  write_new_file(scratch.directory(), "a.cpio", sample());
  REQUIRE(has_program("cpio"));
  const std::string list = output_of(scratch, "TZ=UTC LC_ALL=C cpio -itvn <a.cpio");
  CHECK_THAT(list, has_text("drwxr-xr-x   2 0        0               0 Jan  1  1970 dev\n"));
  CHECK_THAT(list, has_text("crw-------   1 0        0          5,   1 Jan  1  1970 dev/console\n"));
  CHECK_THAT(list, has_text("-rwxr-xr-x   1 0        0               5 Jan  1  1970 init\n"));
  CHECK(output_of(scratch, "cpio -i --to-stdout --quiet init <a.cpio") == "12345");
  REQUIRE(has_program("bsdtar"));
  CHECK(output_of(scratch, "bsdtar -tf a.cpio") == "dev\ndev/console\ninit\n");
  CHECK(output_of(scratch, "bsdtar -xOf a.cpio init") == "12345");
}

TEST_CASE("paths that newc can't hold are refused") {
  CpioWriter archive;
  for (const std::string& path : {std::string(), std::string("/abs"), std::string("a\0b", 3), std::string("TRAILER!!!"),
                                  std::string(4096, 'x')}) {
    INFO(path.substr(0, 20));
    CHECK_THROWS_WITH(archive.add_directory(path), has_text("cpio: bad path"));
  }
}
