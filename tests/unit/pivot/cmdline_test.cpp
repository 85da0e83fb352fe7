// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "initrd-pivot/cmdline.hpp"

#include "fake_kernel.hpp"
#include "tests/catch.hpp"

using namespace sealroot;

namespace {

const std::string token = "composefs.digest=v1-sha512-12:" + good_hex;
const std::string other_hex = "cd" + std::string(126, '2');

// The refusal of `line` (with its newline) under a config that signed `signed_line`; empty if it is accepted.
std::string refusal(const std::string& line, const std::string& signed_line, const std::string& allow = "") {
  const std::string text = "version=1\ndigest=v1-sha512-12:" + good_hex + "\ncmdline=" + signed_line + "\n" + allow +
                           "etc=none\nvar=none\non-failure=reboot\ninit=/init\nhandover=none\n";
  Config config;
  REQUIRE_FALSE(parse_config(text, config));
  const auto refused = refuse_command_line(line, config);
  return refused ? std::string(refused->view()) : "";
}

std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> result;
  Tokens tokens(line);
  while (const auto each = tokens.next()) result.emplace_back(*each);
  return result;
}

}  // namespace

TEST_CASE("tokens are split at white space outside quotes") {
  CHECK(split("") == std::vector<std::string>{});
  CHECK(split(" \t\n") == std::vector<std::string>{});
  CHECK(split("a b\tc\n") == std::vector<std::string>{"a", "b", "c"});
  CHECK(split("a=\"b c\" d") == std::vector<std::string>{"a=\"b c\"", "d"});
  CHECK(split("\"a b\"") == std::vector<std::string>{"\"a b\""});
  CHECK(split("a\"b c") == std::vector<std::string>{"a\"b c"});
}

TEST_CASE("the signed command line is accepted") {
  CHECK(refusal(good_line + "\n", good_line).empty());
  CHECK(refusal(good_line + "  \n", good_line).empty());
  CHECK(refusal(token + "\n", token).empty());
  CHECK(refusal("composefs=" + good_hex + "\n", "composefs=" + good_hex).empty());
}

TEST_CASE("C3_more_or_fewer_digests_than_one_are_refused") {
  const std::string bad = "composefs.digest=v1-sha512-12:" + other_hex;
  const std::pair<const char*, std::string> rows[] = {
      {"none", "console=ttyS0"},
      {"good and bad", token + " " + bad},
      {"bad and good", bad + " " + token},
      {"the same twice", token + " " + token},
      {"both forms", token + " composefs=" + good_hex},
      {"quoted second", token + " \"" + bad + "\""},
      {"quote inside the key", token + " compo\"\"sefs=" + other_hex},
      {"prefixed key", token + " rd.composefs=" + other_hex},
      {"suffixed key", token + " composefs.digest2=x"},
      {"capitals", token + " Composefs.Digest=v1-sha512-12:" + other_hex},
      {"bare word", token + " composefs"},
      {"optional mark", token + " composefs?=" + other_hex},
  };
  for (const auto& [label, line] : rows) {
    INFO(label);
    // Even if all of it were signed or allowed.
    CHECK_THAT(refusal(line + "\n", line, "allow=c*\nallow=\"*\nallow=C*\nallow=r*\n"), has_text("composefs args"));
    CHECK_THAT(refusal(line + "\n", token, "allow=c*\nallow=\"*\nallow=C*\nallow=r*\n"), has_text("composefs args"));
  }
}

TEST_CASE("C3_a_value_that_mentions_composefs_is_no_digest") {
  const std::string line = token + " systemd.mask=composefs-setup.service";
  CHECK(refusal(line + "\n", line).empty());
}

TEST_CASE("C4_an_insecure_marker_is_refused") {
  for (const char* marker : {"insecure", "sealroot.insecure=1", "composefs.digest=?v1-sha512-12:", "verity=off"}) {
    INFO(marker);
    CHECK_FALSE(refusal(token + " " + marker + "\n", token).empty());
  }
  const std::string optional = "composefs.digest=?v1-sha512-12:" + good_hex;
  CHECK_THAT(refusal(optional + "\n", optional), has_text("malformed digest"));
  const std::string legacy = "composefs=?" + good_hex;
  CHECK_THAT(refusal(legacy + "\n", legacy), has_text("malformed digest"));
}

TEST_CASE("C7_malformed_digests_and_lines_are_refused") {
  const std::string prefix = "composefs.digest=v1-sha512-12:";
  const std::string ones(126, '1');
  const std::pair<const char*, std::string> rows[] = {
      {"short", prefix + "ab" + ones.substr(1)},
      {"long", prefix + "ab" + ones + "1"},
      {"capitals", prefix + "AB" + ones},
      {"not hex", prefix + "ag" + ones},
      {"length of the other algorithm", prefix + good_hex.substr(0, 64)},
      {"other algorithm", "composefs.digest=v1-sha256-12:" + good_hex},
      {"legacy with 65 digits", "composefs=" + good_hex.substr(0, 65)},
      {"path", prefix + "ab/../" + ones.substr(4)},
      {"quoted value", prefix + "\"" + good_hex + "\""},
      {"quoted token", "\"" + token + "\""},
      {"empty", prefix},
      {"no value", "composefs="},
      {"trailing blank in quotes", prefix + good_hex + "\" \""},
      {"unknown version", "composefs.digest=v9-sha512-12:" + good_hex},
      {"unknown block size", "composefs.digest=v1-sha512-16:" + good_hex},
  };
  for (const auto& [label, line] : rows) {
    INFO(label);
    CHECK_THAT(refusal(line + "\n", line), has_text("malformed digest"));
  }
  CHECK_THAT(refusal(token, token), has_text("without its newline"));
  CHECK_THAT(refusal("", token), has_text("without its newline"));
  CHECK_THAT(refusal(token + " " + std::string(4095, 'a') + "\n", token), has_text("too long"));
  CHECK_THAT(refusal(token + std::string(" a\0b\n", 5), token), has_text("NUL"));
  CHECK_THAT(refusal(token + " a=\"b\n", token), has_text("open quote"));
}

TEST_CASE("C1_another_digest_than_the_sealed_one_is_refused") {
  const std::string other = "composefs.digest=v1-sha512-12:" + other_hex;
  CHECK_THAT(refusal(other + "\n", token), has_text("not the sealed one"));
  CHECK_THAT(refusal("composefs=" + other_hex + "\n", token), has_text("not the sealed one"));
  // The same bytes under another format version name another image form.
  CHECK_THAT(refusal("composefs.digest=v2-sha512-12:" + good_hex + "\n", token), has_text("not the sealed one"));
}

TEST_CASE("the command line must be the signed one, token by token") {
  const std::string line = token + " quiet a=\"b c\"";
  const std::pair<const char*, std::string> rows[] = {
      {"changed", token + " loud a=\"b c\""},
      {"other order", "quiet " + token + " a=\"b c\""},
      {"something in front", "init=/bin/sh " + line},
      {"quotes moved", token + " quiet \"a=b c\""},
  };
  for (const auto& [label, actual] : rows) {
    INFO(label);
    CHECK_THAT(refusal(actual + "\n", line), has_text("differs from the signed one"));
  }
  CHECK_THAT(refusal(token + " quiet\n", line), has_text("lacks a signed token: a=\"b c\""));
}

TEST_CASE("C2_appended_tokens_are_refused_unless_the_config_allows_them") {
  CHECK_THAT(refusal(token + " rd.break\n", token), has_text("token refused: rd.break"));
  CHECK_THAT(refusal(token + " rd.break\n", token, "allow=rd.brea\n"), has_text("token refused"));
  CHECK_THAT(refusal(token + " mem=1G init=/bin/sh\n", token, "allow=mem=*\n"),
             has_text("token refused: init=/bin/sh"));
  CHECK(refusal(token + " mem=1G\n", token, "allow=mem=*\n").empty());
  CHECK(refusal(token + " quiet\n", token, "allow=quiet\n").empty());
  CHECK_THAT(refusal(token + " quieter\n", token, "allow=quiet\n"), has_text("token refused"));
}
