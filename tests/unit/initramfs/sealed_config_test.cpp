// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/initramfs/sealed_config.hpp"

#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "tests/catch.hpp"
#include "tests/unit/initramfs/shell.hpp"

using namespace sealroot;

namespace {

SealedConfig sample() {
  const Digest digest = *Digest::try_parse(std::string(128, 'a'));
  return {.digest = digest, .cmdline = "rw composefs.digest=" + digest_token_value(digest) + " panic=10"};
}

}  // namespace

TEST_CASE("the sealed configuration is written in its fixed order") {
  SealedConfig config = sample();
  config.allow = {"a=1", "b"};
  config.etc = "transient";
  config.var = "none";
  config.on_failure = "poweroff";
  config.init = "/usr/lib/systemd/systemd";
  const std::string token = "v1-sha512-12:" + std::string(128, 'a');
  CHECK(sealed_config_text(config) ==
        "version=1\ndigest=" + token + "\ncmdline=rw composefs.digest=" + token +
            " panic=10\nallow=a=1\nallow=b\netc=transient\nvar=none\non-failure=poweroff\n"
            "init=/usr/lib/systemd/systemd\nhandover=none\n");
  CHECK_THAT(sealed_config_text(sample()),
             has_text("etc=overlay\nvar=bind\non-failure=reboot\ninit=/sbin/init\nhandover=none\n"));
}

TEST_CASE("C4_only an unsealed build has a line about it, and one spelling is read back") {
  SealedConfig config = sample();
  const std::string sealed = sealed_config_text(config);
  CHECK(sealed.find("unsealed") == std::string::npos);
  config.unsealed = true;
  const std::string text = sealed_config_text(config);
  CHECK(text == sealed + "unsealed=yes\n");
  CHECK(parse_sealed_config(text).unsealed);
  CHECK_FALSE(parse_sealed_config(sealed).unsealed);
  for (const char* line : {"unsealed=no\n", "unsealed=\n", "unsealed=yes\nunsealed=yes\n"}) {
    CHECK_THROWS_WITH(parse_sealed_config(sealed + line), has_text("unsealed"));
  }
}

TEST_CASE("C3_no configuration is made for a command line without exactly one digest, the right one") {
  SealedConfig config = sample();
  const std::string good = config.cmdline;
  const std::string other = "composefs.digest=v1-sha512-12:" + std::string(128, 'b');
  for (const std::string& bad : {std::string("rw"), std::string(), good + " " + good, good + " " + other, other,
                                 good + " composefs=" + std::string(128, 'a'), good + "x composefs.digest=",
                                 "composefs.digest=v1-sha512-12:" + std::string(128, 'A')}) {
    config.cmdline = bad;
    INFO(bad);
    CHECK_THROWS_WITH(sealed_config_text(config), has_text("sealed configuration: cmdline"));
  }
}

TEST_CASE("values that would break or weaken the configuration are refused") {
  SealedConfig config = sample();
  const auto refuse = [&](const std::string& text) { CHECK_THROWS_WITH(sealed_config_text(config), has_text(text)); };
  SECTION("line break") {
    config.cmdline += "\netc=none";
    refuse("holds a control character");
  }
  SECTION("another first program") {
    config.cmdline += " rdinit=/bin/sh";
    refuse("would start another program than the pivot");
  }
  SECTION("too long") {
    config.cmdline += " " + std::string(2000, 'x');
    refuse("2047 bytes");
  }
  SECTION("allow with a blank") {
    config.allow = {"a b"};
    refuse("allow 'a b'");
  }
  SECTION("open quote") {
    config.cmdline += " a=\"b";
    refuse("a quote stays open");
  }
  SECTION("allow of everything") {
    config.allow = {"*"};
    refuse("would allow everything");
  }
  SECTION("too many allowed") {
    config.allow.assign(65, "x");
    refuse("more than 64 tokens");
  }
  SECTION("allow of a digest") {
    config.allow = {"composefs.digest=x"};
    refuse("can never be allowed");
  }
  SECTION("etc") {
    config.etc = "shell";
    refuse("etc 'shell': not one of overlay, transient, bind, none");
  }
  SECTION("var") {
    config.var = "overlay";
    refuse("var 'overlay': not one of bind, transient, none");
  }
  SECTION("failure") {
    config.on_failure = "continue";
    refuse("on-failure 'continue'");
  }
  SECTION("init") {
    config.init = "sbin/init";
    refuse("not an absolute path");
  }
}

TEST_CASE("the configuration's archive can follow another one") {
  const Scratch scratch;
  const Bytes archive = make_sealed_config_cpio(sample(), {});
  CHECK(archive.size() % 4 == 0);
  write_new_file(scratch.directory(), "c.cpio", archive);
  CHECK(output_of(scratch, "cpio -i --to-stdout --quiet sealroot.conf <c.cpio") == sealed_config_text(sample()));
}
