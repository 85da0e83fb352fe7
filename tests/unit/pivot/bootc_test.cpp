// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// In the place of the initramfs program of bootc and composefs-rs: the digest comes from their command lines, /etc and
// /var from their layout.
#include "fake_kernel.hpp"
#include "initrd-pivot/cmdline.hpp"
#include "tests/catch.hpp"

#include <cerrno>

using namespace sealroot;

namespace {

const std::string deployment = "/sysroot/state/deploy/" + good_hex;
const std::string bootc_config =
    "version=1\ndigest=command-line\netc=bind\nvar=bind\non-failure=reboot\ninit=/sbin/init\nhandover=none\n";

FakeKernel bootc_machine(const std::string& digest_token) {
  FakeKernel kernel = FakeKernel::machine();
  kernel.files["/sealroot.conf"] = bootc_config;
  kernel.files["/proc/cmdline"] = "rw quiet " + digest_token + " console=ttyS0\n";
  return kernel;
}

}  // namespace

TEST_CASE("a command line of bootc or composefs-rs is taken as it is") {
  for (const char* key : {"composefs=", "composefs.digest=v1-sha512-12:", "composefs.digest=v2-sha512-12:"}) {
    INFO(key);
    FakeKernel kernel = bootc_machine(key + good_hex);
    CHECK(kernel.run({"--sysroot", "/sysroot"}).status == 0);
    CHECK(kernel.called("measure /sysroot/" + good_image));
    CHECK(kernel.called("fs_set overlay verity=require"));
    CHECK(kernel.called("attach " + deployment + "/etc <overlay>/etc"));
    CHECK_THAT(kernel.console, has_text("digest from the command line, as good as the UKI's signature"));
    CHECK_THAT(kernel.console, has_text("root verified sha512:" + good_hex));
  }
}

TEST_CASE("C4_a_digest_that_makes_verity_optional_is_refused_here_too") {
  for (const std::string& token : {"composefs=?" + good_hex, "composefs.digest=?v1-sha512-12:" + good_hex}) {
    FakeKernel kernel = bootc_machine(token);
    CHECK(kernel.run({"--sysroot", "/sysroot"}).status == 10);
    CHECK_THAT(kernel.console, has_text("malformed digest on the command line"));
  }
}

TEST_CASE("C3_with_a_digest_from_the_command_line_there_must_be_exactly_one") {
  for (const std::string& token : {std::string("no.digest"), "composefs=" + good_hex + " composefs=" + good_hex}) {
    FakeKernel kernel = bootc_machine(token);
    CHECK(kernel.run({"--sysroot", "/sysroot"}).status == 10);
    CHECK_THAT(kernel.console, has_text(" composefs args on the command line, 1 needed"));
  }
}

TEST_CASE("an image that the command line names must have its digest") {
  FakeKernel kernel = bootc_machine("composefs=" + good_hex);
  kernel.measurements["/sysroot/" + good_image] = measurement_of("cd" + std::string(126, '2'));
  CHECK(kernel.run({"--sysroot", "/sysroot"}).status == 13);
  FakeKernel bare = bootc_machine("composefs=" + good_hex);
  bare.measurements.clear();
  CHECK(bare.run({"--sysroot", "/sysroot"}).status == 12);
}

TEST_CASE("var is the deployment's own, or the common one where that is a link to it") {
  FakeKernel own = bootc_machine("composefs=" + good_hex);
  CHECK(own.run({"--sysroot", "/sysroot"}).status == 0);
  CHECK(own.called("attach " + deployment + "/var <overlay>/var"));
  for (const long error : {-ELOOP, -ENOENT}) {
    FakeKernel common = bootc_machine("composefs=" + good_hex);
    common.failures["beneath " + deployment + "/var"] = error;
    CHECK(common.run({"--sysroot", "/sysroot"}).status == 0);
    CHECK(common.called("attach /sysroot/state/os/default/var <overlay>/var"));
  }
  FakeKernel file = bootc_machine("composefs=" + good_hex);
  file.failures["beneath " + deployment + "/var"] = -ENOTDIR;
  CHECK(file.run({"--sysroot", "/sysroot"}).status == 16);
}

TEST_CASE("a config that adopts the digest compares nothing else and weakens nothing else") {
  const std::string& text = bootc_config;
  for (const std::string& line : {"cmdline=" + good_line, std::string("allow=quiet"), std::string("unsealed=yes")}) {
    Config config;
    const auto refused = parse_config(text + line + "\n", config);
    REQUIRE(refused);
    CHECK_THAT(std::string(refused->view()), has_text("digest=command-line"));
  }
  Config config;
  std::string handover = text;
  handover.replace(handover.find("handover=none"), 13, "handover=/init");
  CHECK(parse_config(handover, config));
}
