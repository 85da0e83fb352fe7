// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/uki/os_release.hpp"

#include "store/core/error.hpp"
#include "tests/catch.hpp"

using namespace sealroot;

TEST_CASE("values of os-release lose their quotes as in the shell") {
  const OsRelease release = OsRelease::parse(
      "# comment\n\nID=debian\nPRETTY_NAME=\"Debian \\\"12\\\" \\$x \\n\"\nSINGLE='a \\b'\nBARE=a\\ b\nID=later\n"
      "MIXED=a\"b c\"'d'\n");
  CHECK(release.find("ID") == "later");
  CHECK(release.find("PRETTY_NAME") == "Debian \"12\" $x \\n");
  CHECK(release.find("SINGLE") == "a \\b");
  CHECK(release.find("BARE") == "a b");
  CHECK(release.find("MIXED") == "ab cd");
  CHECK_FALSE(release.find("VERSION").has_value());
}

TEST_CASE("what the shell would not read as an assignment is refused with its line") {
  CHECK_THROWS_WITH(OsRelease::parse("A=1\nB C=2\n"), has_text("line 2: bad name 'B C'"));
  CHECK_THROWS_WITH(OsRelease::parse("A=\"x\n"), has_text("line 1: bad quoting in the value of A"));
  CHECK_THROWS_WITH(OsRelease::parse("A=x y\n"), has_text("bad quoting"));
  CHECK_THROWS_WITH(OsRelease::parse("A=x\\"), has_text("bad quoting"));
  CHECK_THROWS_WITH(OsRelease::parse("nothing\n"), has_text("no '='"));
  CHECK_THROWS_WITH(OsRelease::parse(std::string("A=\0x", 4)), has_text("control character"));
  CHECK_THROWS_WITH(OsRelease::parse(std::string(70000, '#')), has_text("64 KiB"));
}

TEST_CASE("IMAGE_ID and IMAGE_VERSION are set, all else is kept") {
  CHECK(os_release_with_image("ID=debian\nIMAGE_ID=\"old\"\n# note\nVERSION_ID=\"12\"", "web", "2026.1+3") ==
        "ID=debian\n# note\nVERSION_ID=\"12\"\nIMAGE_ID=web\nIMAGE_VERSION=2026.1+3\n");
  CHECK(os_release_with_image("", "a", "1") == "IMAGE_ID=a\nIMAGE_VERSION=1\n");
}

TEST_CASE("names that can't be part of a file name on the ESP are refused") {
  for (const std::string bad : {"", "a b", "a/b", ".a", "a\n", "\xc3\xa4", "a'b"}) {
    INFO(bad);
    CHECK_FALSE(is_entry_name(bad));
    CHECK_THROWS_WITH(os_release_with_image("", bad, "1"), has_text("image name or version"));
  }
  CHECK(is_entry_name("Az09+_.-"));
}
