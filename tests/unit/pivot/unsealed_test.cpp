// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// A build without fs-verity: what it forgoes, that it says so, and that only the signed config makes one.
#include "fake_kernel.hpp"
#include "initrd-pivot/plan.hpp"
#include "tests/catch.hpp"

#include <cerrno>

using namespace sealroot;

namespace {

const std::string image = "/sysroot/" + good_image;

FakeKernel unsealed_machine() {
  FakeKernel kernel = FakeKernel::machine();
  kernel.files["/sealroot.conf"] += "unsealed=yes\n";
  return kernel;
}

}  // namespace

TEST_CASE("an unsealed build boots from a file system without fs-verity and says so") {
  for (const long error : {-ENODATA, -ENOTTY, -EOPNOTSUPP}) {
    FakeKernel kernel = unsealed_machine();
    kernel.failures["measure " + image] = error;
    CHECK(kernel.boot().how == "execute");
    CHECK(kernel.count("fs_set overlay verity") == 0);
    CHECK(kernel.called("fs_set overlay metacopy=on"));
    CHECK_THAT(kernel.console, has_text("sealroot-pivot: UNSEALED: built without fs-verity"));
    CHECK_THAT(kernel.console, has_text("sealroot-pivot: root UNSEALED sha512:" + good_hex));
    CHECK(kernel.console.find("root verified") == std::string::npos);
    CHECK_THAT(kernel.kernel_log, has_text("<2>sealroot-pivot: UNSEALED: "));
  }
}

TEST_CASE("an unsealed build takes no image that is known to be another") {
  FakeKernel kernel = unsealed_machine();
  kernel.measurements[image].value[0] ^= 1;
  CHECK(kernel.boot().how == "reboot");
  CHECK_THAT(kernel.console, has_text("FATAL: image digest mismatch"));
  FakeKernel damaged = unsealed_machine();
  damaged.failures["measure " + image] = -EIO;
  CHECK(damaged.boot().how == "reboot");
  CHECK_THAT(damaged.console, has_text("(code 12)"));
}

TEST_CASE("an unsealed build still compares its command line") {
  FakeKernel kernel = unsealed_machine();
  kernel.files["/proc/cmdline"] = good_line + " rd.break\n";
  CHECK(kernel.boot().how == "reboot");
  CHECK_THAT(kernel.console, has_text("token refused: rd.break (code 10)"));
}

TEST_CASE("C4_nothing_outside_the_signed_config_makes_a_sealed_system_unsealed") {
  for (const char* token : {"unsealed", "unsealed=yes", "sealroot.unsealed=1", "composefs.unsealed"}) {
    FakeKernel kernel = FakeKernel::machine();
    kernel.files["/proc/cmdline"] = good_line + " " + token + "\n";
    CHECK(kernel.boot().how == "reboot");
    CHECK_THAT(kernel.console, has_text("(code 10)"));
  }
  // A config on the disk is never looked for.
  FakeKernel kernel = FakeKernel::machine();
  kernel.files["/sysroot/sealroot.conf"] = good_config + "unsealed=yes\n";
  kernel.measurements.clear();
  CHECK(kernel.boot().how == "reboot");
  CHECK_THAT(kernel.console, has_text("(code 12)"));
  for (const std::string& call : kernel.calls) CHECK(call.find("/sysroot/sealroot.conf") == std::string::npos);
}

TEST_CASE("C4_no_other_spelling_of_the_line_makes_a_system_unsealed") {
  for (const char* line : {"unsealed=no\n", "unsealed=\n", "unsealed=1\n", "unsealed=YES\n", "unsealed\n",
                           "unsealed=yes\nunsealed=yes\n"}) {
    FakeKernel kernel = FakeKernel::machine();
    kernel.files["/sealroot.conf"] += line;
    CHECK(kernel.boot().how == "reboot");
    CHECK_THAT(kernel.console, has_text("(code 10)"));
  }
}

TEST_CASE("the printed plan of an unsealed build says so first") {
  Config config;
  REQUIRE_FALSE(parse_config(good_config + "unsealed=yes\n", config));
  const std::string plan(describe_plan(make_plan(config), "/sysroot").view());
  CHECK(plan.starts_with("UNSEALED: "));
  CHECK(plan.find("verity=require") == std::string::npos);
}
