// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/labels/label_rules.hpp"

#include "store/core/error.hpp"
#include "tests/catch.hpp"

using namespace sealroot;

namespace {

LabelRules rules_of(const std::string& text) {
  LabelRules rules;
  rules.add("file_contexts", parse_file_contexts(text));
  rules.index();
  return rules;
}

/// The label's text; "-" if there is none.
std::string label(LabelRules& rules, const std::string& path, char type = '-') {
  const std::string* const found = rules.find(path, type);
  return found != nullptr ? *found : "-";
}

}  // namespace

TEST_CASE("the last rule that fits counts, whatever its form") {
  LabelRules rules = rules_of(
      "/.* default\n"
      "/ -d root\n"
      "/usr(/.*)? usr\n"
      "/usr/lib/.*\\.so(\\.[^/]*)* -- lib\n"
      "/usr/bin/[a-c].* abc\n"
      "/usr/bin/bash -- shell\n"
      "/usr/bin/cat plain\n"
      "/usr/bin/c.* again\n"
      "/(opt|srv)/x either\n"
      "/opt/a|/srv/b odd\n"
      "/opt/y* star\n"
      "/opt/(?!bad).*-end ahead\n"
      "/none(/.*)? <<none>>\n");
  CHECK(label(rules, "/", 'd') == "root");
  CHECK(label(rules, "/x") == "default");
  CHECK(label(rules, "/usr", 'd') == "usr");
  CHECK(label(rules, "/usrx") == "default");
  CHECK(label(rules, "/usr/lib/a/b.so.1.2") == "lib");
  CHECK(label(rules, "/usr/lib/a/b.so.1.2", 'l') == "usr");
  CHECK(label(rules, "/usr/lib/a/b.so.1/c") == "usr");
  CHECK(label(rules, "/usr/bin/awk") == "abc");
  CHECK(label(rules, "/usr/bin/bash") == "shell");
  CHECK(label(rules, "/usr/bin/bash", 'l') == "abc");
  CHECK(label(rules, "/usr/bin/cat") == "again");
  CHECK(label(rules, "/srv/x") == "either");
  CHECK(label(rules, "/srv/b") == "odd");
  CHECK(label(rules, "/opt/") == "star");
  CHECK(label(rules, "/opt/yyy") == "star");
  CHECK(label(rules, "/opt/good-end") == "ahead");
  CHECK(label(rules, "/opt/bad-end") == "default");
  CHECK(label(rules, "/none/x") == "-");
  CHECK(label(rules, "/nonesuch") == "default");
  CHECK(label(rules, "/usr/lib/\xff\n.so") == "lib");
}

TEST_CASE("a path beside all rules has no label") {
  LabelRules rules = rules_of("/usr(/.*)? usr\n");
  CHECK(label(rules, "/etc", 'd') == "-");
  LabelRules none;
  none.index();
  CHECK(label(none, "/etc", 'd') == "-");
}

TEST_CASE("what an expression begins with is not taken for all of it") {
  // Each matches the path although it does not begin with the first letters of the expression.
  for (const std::string regex : {"/a|/b", "/a)|(/b", "/a)?(/b", "/a[(]|/b[)]?", "/a\\Q(\\E|/b", "/a(?x)|/b",
                                  "/a[]|]|/b", "/a[[:alpha:]|]|/b", "/aa{0}b|/b", "/a{0}b?/b|/b", "(/a)?/b"}) {
    CAPTURE(regex);
    LabelRules rules = rules_of(regex + " yes\n");
    CHECK(label(rules, "/b") == "yes");
  }
}

TEST_CASE("an expression that leaves its group may leave out the type") {
  LabelRules rules = rules_of("/a)|(/b -- yes\n");
  CHECK(label(rules, "/a", 'd') == "yes");
  CHECK(label(rules, "/b", 'd') == "-");
}

TEST_CASE("expressions that can't be used are refused with file and line") {
  CHECK_THROWS_WITH(rules_of("/a x\n/b( y\n"), has_text("file_contexts line 2: '/b(': missing closing"));
  CHECK_THROWS_WITH(rules_of("/a{65536} x\n"), has_text("too big"));
  CHECK_THROWS_WITH(rules_of("/" + std::string(5000, '(') + " x\n"), has_text("line 1"));
  CHECK_THROWS_WITH(rules_of("/\\C* x\n/(((a{1,900}){1,900}){1,900}) x\n"), has_text("line 2"));
}

TEST_CASE("expressions together may take so much memory and no more") {
  std::string text;
  for (int i = 0; i < 4000; ++i) text += "/(ab){900}.* t\n";
  CHECK_THROWS_WITH(rules_of(text), has_text("expressions take more than 32 MiB"));
}

TEST_CASE("a match that takes too long is an error, not a wait") {
  LabelRules rules = rules_of("/(x+x+)+y t\n");
  for (int i = 0; i < 40; ++i) CHECK(label(rules, "/xxxxxxy") == "t");  // machine code has the same limit
  CHECK_THROWS_WITH(rules.find("/" + std::string(200, 'x') + "zy", '-'),
                    has_text("file_contexts line 1: '/(x+x+)+y': matching it takes too long"));
  LabelRules fresh = rules_of("/(x+x+)+y t\n");
  CHECK_THROWS_WITH(fresh.find("/" + std::string(200, 'x') + "zy", '-'), has_text("takes too long"));
}

TEST_CASE("the longest path is matched by what real policies have") {
  LabelRules rules = rules_of("/usr/(.*/)?bin(/.*)?/(.*/)?[^/]*\\.so(\\.[^/]*)* t\n");
  std::string path = "/usr";
  while (path.size() < 4000) path += "/bin/abcdefgh";
  CHECK(label(rules, path) == "-");
  CHECK(label(rules, path + ".so.1") == "t");
}
