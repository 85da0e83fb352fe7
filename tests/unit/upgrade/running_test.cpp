// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "upgrade/host/running.hpp"

#include "tests/catch.hpp"

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
