// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/labels/file_contexts.hpp"

#include "store/core/error.hpp"
#include "tests/catch.hpp"

using namespace sealroot;

TEST_CASE("rules are read with and without a type, comments and empty lines left out") {
  const auto rules = parse_file_contexts(
      "# a comment \xc3\xa9\n\n \t/usr(/.*)?\t\tsystem_u:object_r:usr_t:s0\r\n/dev/log -s <<none>>\n  #x\n/f -- a:b:c");
  REQUIRE(rules.size() == 3);
  CHECK(rules[0].regex == "/usr(/.*)?");
  CHECK(rules[0].type == '.');
  CHECK(rules[0].context == "system_u:object_r:usr_t:s0");
  CHECK(rules[0].line == 3);
  CHECK(rules[1].type == 's');
  CHECK(rules[1].context == "<<none>>");
  CHECK(rules[2].type == '-');
  CHECK(rules[2].line == 6);
}

TEST_CASE("rules that are not understood are refused with their line") {
  struct Row {
    std::string text;
    std::string message;
  };
  for (const auto& [text, message] : {
           Row{"/a\n", "line 1: not of the form"},
           Row{"\n/a -d\n", "line 2: not of the form"},
           Row{"/a -x b:c:d", "'-x': not a type of file"},
           Row{"/a -dd b:c:d", "'-dd': not a type of file"},
           Row{"/a b:c:d e", "not of the form"},
           Row{"/a -d b:c:d e", "'e': the line has more fields"},
           Row{"/\xc3\xa4 b:c:d", "only printable ASCII"},
           Row{std::string("/a\0 b", 5), "only printable ASCII"},
       }) {
    CAPTURE(text);
    CHECK_THROWS_WITH(parse_file_contexts(text), has_text(message));
  }
}

TEST_CASE("the later of two equal aliases counts") {
  PathAliases aliases;
  parse_path_aliases("# x\n/run/lock /var/lock\n/lib /usr/lib\n", aliases);
  parse_path_aliases("/lib\t/other\n", aliases);
  CHECK(aliases == PathAliases{{"/lib", "/other"}, {"/run/lock", "/var/lock"}});
  CHECK_THROWS_WITH(parse_path_aliases("/a\n", aliases), has_text("line 1: not of the form ALIAS PATH"));
  CHECK_THROWS_WITH(parse_path_aliases("/a /b /c\n", aliases), has_text("not of the form ALIAS PATH"));
}

TEST_CASE("the policy's name is the value of the first SELINUXTYPE") {
  CHECK(parse_policy_name("SELINUX=enforcing\n# SELINUXTYPE=no\n SelinuxType = targeted \nSELINUXTYPE=mls\n") ==
        "targeted");
  CHECK(parse_policy_name("SELINUXTYPE=\n") == "");
  CHECK(!parse_policy_name("SELINUX=disabled\n"));
  CHECK(!parse_policy_name(""));
}
