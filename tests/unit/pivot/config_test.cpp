// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "initrd-pivot/config.hpp"

#include "fake_kernel.hpp"
#include "tests/catch.hpp"

using namespace sealroot;

namespace {

std::string refusal(const std::string& text) {
  Config config;
  const auto refused = parse_config(text, config);
  return refused ? std::string(refused->view()) : "";
}

std::string with(const std::string& from, const std::string& to) {
  std::string text = good_config;
  return text.replace(text.find(from), from.size(), to);
}

}  // namespace

TEST_CASE("the sealed config says what this boot must be") {
  Config config;
  const std::string text = with("etc=overlay", "etc=transient") + "allow=quiet\nallow=rd.*\n";
  REQUIRE_FALSE(parse_config(text, config));
  CHECK(config.digest == Digest::try_parse(good_hex));
  CHECK(config.digest_value == "v1-sha512-12:" + good_hex);
  CHECK(config.command_line == good_line);
  CHECK(config.allowed_count == 2);
  CHECK(config.allowed[1] == "rd.*");
  CHECK(config.etc == StateMode::transient);
  CHECK(config.var == StateMode::bind);
  CHECK_FALSE(config.power_off);
  CHECK(config.init == "/sbin/init");
  CHECK(config.handover.empty());
}

TEST_CASE("a sealed config that the builder did not write is refused") {
  struct Row {
    const char* label;
    std::string text;
    const char* reason;
  };
  const std::string half(64 * 1024, 'x');
  const Row rows[] = {
      {"empty", "", "no newline"},
      {"cut", good_config.substr(0, good_config.size() - 1), "no newline"},
      {"NUL byte", with("overlay", std::string("over\0ay", 7)), "NUL"},
      {"too large", good_config + "allow=" + half + "\n", "too large"},
      {"unknown key", good_config + "shell=/bin/sh\n", "unknown line"},
      {"no key", good_config + "overlay\n", "unknown line"},
      {"empty line", good_config + "\n", "unknown line"},
      {"comment", "# hello\n" + good_config, "unknown line"},
      {"blank before key", with("etc=", " etc="), "unknown line"},
      {"key in capitals", with("etc=", "ETC="), "unknown line"},
      {"carriage returns", with("etc=overlay", "etc=overlay\r"), "bad value"},
      {"key twice", good_config + "var=bind\n", "key twice: var"},
      {"digest twice", good_config + "digest=v1-sha512-12:" + good_hex + "\n", "key twice: digest"},
      {"no version", with("version=1\n", ""), "key missing: version"},
      {"no digest", with("digest=v1-sha512-12:" + good_hex + "\n", ""), "key missing: digest"},
      {"no command line", with("cmdline=" + good_line + "\n", ""), "key missing: cmdline"},
      {"no etc", with("etc=overlay\n", ""), "key missing: etc"},
      {"no var", with("var=bind\n", ""), "key missing: var"},
      {"no on-failure", with("on-failure=reboot\n", ""), "key missing: on-failure"},
      {"no handover", with("handover=none\n", ""), "key missing: handover"},
      {"handover to a relative path", with("handover=none", "handover=init"), "bad value: handover=init"},
      {"no init", with("init=/sbin/init\n", ""), "key missing: init"},
      {"later version", with("version=1", "version=2"), "bad value"},
      {"digest without version", with("digest=v1-", "digest="), "bad value"},
      {"optional digest", with("digest=v1-", "digest=?v1-"), "bad value"},
      {"short digest", with("1\ncmdline", "\ncmdline"), "bad value"},
      {"digest in capitals", with(":ab", ":AB"), "bad value"},
      {"other algorithm's length", with("digest=v1-sha512", "digest=v1-sha256"), "bad value"},
      {"command line empty", with(good_line, ""), "bad value"},
      {"command line with an open quote", with("two words\"", "two words"), "bad value"},
      {"unknown etc", with("etc=overlay", "etc=writable"), "bad value"},
      {"overlay on var", with("var=bind", "var=overlay"), "bad value"},
      {"shell on failure", with("on-failure=reboot", "on-failure=shell"), "bad value"},
      {"relative init", with("/sbin/init", "sbin/init"), "bad value"},
      {"allow anything", good_config + "allow=*\n", "bad value"},
      {"allow nothing", good_config + "allow=\n", "bad value"},
  };
  for (const Row& row : rows) {
    INFO(row.label);
    CHECK_THAT(refusal(row.text), has_text(row.reason));
  }
}

TEST_CASE("more allowed tokens than the pivot has room for are refused, not forgotten") {
  std::string text = good_config;
  for (std::size_t i = 0; i < Config::max_allowed; ++i) text += "allow=a\n";
  CHECK(refusal(text).empty());
  CHECK_THAT(refusal(text + "allow=a\n"), has_text("bad value"));
}

TEST_CASE("digest values of both versions and algorithms are read") {
  const std::string hex256 = good_hex.substr(0, 64);
  CHECK(try_parse_digest_value("v1-sha512-12:" + good_hex) == Digest::try_parse(good_hex));
  CHECK(try_parse_digest_value("v2-sha512-12:" + good_hex) == Digest::try_parse(good_hex));
  CHECK(try_parse_digest_value("v1-sha256-12:" + hex256) == Digest::try_parse(hex256));
  CHECK_FALSE(try_parse_digest_value("v3-sha512-12:" + good_hex));
  CHECK_FALSE(try_parse_digest_value("v1-sha512-16:" + good_hex));
  CHECK_FALSE(try_parse_digest_value("v1-sha512-12:" + hex256));
  CHECK_FALSE(try_parse_digest_value(good_hex));
  CHECK_FALSE(try_parse_digest_value(""));
}
