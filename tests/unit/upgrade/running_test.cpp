// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "upgrade/host/running.hpp"

#include "store/core/digest_text.hpp"
#include "tests/catch.hpp"
#include "tests/scratch.hpp"

using namespace sealroot;

TEST_CASE("only a root whose objects the kernel verifies counts as one") {
  const std::string other =
      "21 1 254:1 / /sysroot rw - ext4 /dev/vda2 rw,verity=require\n"
      "22 1 0:31 / /etc rw - overlay composefs ro,verity=require\n";
  const std::string root = "36 35 0:31 / / ro,nodev shared:1 - overlay composefs ro,lowerdir+=/x,metacopy=on";
  CHECK_FALSE(root_requires_verity(""));
  CHECK_FALSE(root_requires_verity("\n \n- overlay verity=require\n"));
  CHECK_FALSE(root_requires_verity(other));
  CHECK_FALSE(root_requires_verity(other + root + "\n"));
  CHECK(root_requires_verity(other + root + ",verity=require\n"));
  CHECK(root_requires_verity(root + ",verity=require"));
}

TEST_CASE("the image that runs is the one that the root was made of") {
  const std::string hex(128, 'a');
  const std::string front = "36 35 0:31 / / ro,nodev shared:1 - overlay ";
  const std::string options = " ro,lowerdir+=/x,metacopy=on";
  const auto found = root_image("22 1 0:31 / /etc rw - overlay composefs:" + std::string(128, 'b') +
                                " ro,verity=require\n" + front + "composefs:" + hex + options + ",verity=require\n");
  REQUIRE(found);
  CHECK(to_hex(*found) == hex);
  CHECK_FALSE(root_image(""));
  CHECK_FALSE(root_image(front + "composefs:" + hex + options + "\n"));
  CHECK_FALSE(root_image(front + "composefs" + options + ",verity=require\n"));
  CHECK_FALSE(root_image(front + "composefs:" + hex.substr(1) + options + ",verity=require\n"));
  CHECK_FALSE(root_image(front + "other:" + hex + options + ",verity=require\n"));
  CHECK_FALSE(root_image(front + "verity=require"));
}

TEST_CASE("a soft reboot is known by its mark, in a folder of ours only") {
  const Scratch scratch;
  const std::string hex(128, 'a');
  const std::string folder = (scratch.path() / "run").string();
  CHECK_FALSE(read_soft_reboot_mark(folder));
  make_directories(scratch.directory(), "run");
  CHECK_FALSE(read_soft_reboot_mark(folder));
  write_new_file(scratch.directory(), "run/soft-rebooted", as_bytes(hex + "\n"));
  REQUIRE(read_soft_reboot_mark(folder));
  CHECK(to_hex(*read_soft_reboot_mark(folder)) == hex);
}
