// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// What two trees differ in; they are written down as dumpfiles.
#include "builder/compare/compare.hpp"

#include "builder/tree/dumpfile.hpp"
#include "tests/catch.hpp"

using namespace sealroot;

namespace {

const std::string root = "/ 4096 40755 2 0 0 0 1.0 - - -\n";
const std::string digest_a(64, 'a');
const std::string digest_b(64, 'b');

/// A file of `size` bytes in an object.
std::string file(const std::string& path, const std::string& digest, const std::string& size = "1000") {
  return path + " " + size + " 100644 1 0 0 0 1.0 " + digest.substr(0, 2) + "/" + digest.substr(2) + " - " + digest +
         "\n";
}

struct Outcome {
  std::vector<std::string> lines;  // "+ /path", "- /path", "~ /path field before after"
  Comparison totals;
};

Outcome compared(const std::string& before, const std::string& after) {
  const Tree left = parse_dumpfile(as_bytes(before));
  const Tree right = parse_dumpfile(as_bytes(after));
  Outcome outcome;
  outcome.totals = compare_trees(left, right, [&](const Change& change) {
    const std::string path(change.path);
    if (change.before == nullptr) outcome.lines.push_back("+ " + path);
    if (change.after == nullptr) outcome.lines.push_back("- " + path);
    for (const FieldChange& field : change.fields) {
      outcome.lines.push_back("~ " + path + " " + field.field + " " + field.before.value_or("none") + " " +
                              field.after.value_or("none"));
    }
  });
  return outcome;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("equal trees have no change, whatever the order of their nodes") {
  const std::string text = root + "/a 0 100644 2 0 0 0 1.0 - - -\n/b 0 @100644 2 0 0 0 1.0 /a - -\n";
  const Outcome outcome = compared(text, text);
  CHECK(outcome.lines.empty());
  CHECK(outcome.totals.equal());
}

TEST_CASE("each field of a node is compared") {
  const struct {
    const char* name;
    std::string before, after;
    Lines lines;
  } rows[] = {
      {"mode", "/f 0 100644 1 0 0 0 1.0 - - -\n", "/f 0 104755 1 0 0 0 1.0 - - -\n", {"~ /f mode 0644 4755"}},
      {"owner", "/f 0 100644 1 0 0 0 1.0 - - -\n", "/f 0 100644 1 7 8 0 1.0 - - -\n", {"~ /f uid 0 7", "~ /f gid 0 8"}},
      {"nanoseconds",
       "/f 0 100644 1 0 0 0 1.0 - - -\n",
       "/f 0 100644 1 0 0 0 1.5 - - -\n",
       {"~ /f mtime 1.000000000 1.000000005"}},
      {"inline content",
       "/f 2 100644 1 0 0 0 1.0 - a\\n -\n",
       "/f 2 100644 1 0 0 0 1.0 - b\\n -\n",
       {"~ /f content a\\n b\\n"}},
      {"size and digest",
       file("/f", digest_a),
       file("/f", digest_b, "2000"),
       {"~ /f size 1000 2000", "~ /f digest " + digest_a + " " + digest_b}},
      {"target", "/l 1 120777 1 0 0 0 1.0 a - -\n", "/l 1 120777 1 0 0 0 1.0 b - -\n", {"~ /l target a b"}},
      {"device", "/d 0 20600 1 0 0 259 1.0 - - -\n", "/d 0 20600 1 0 0 261 1.0 - - -\n", {"~ /d device 1,3 1,5"}},
      {"kind of device",
       "/d 0 20600 1 0 0 259 1.0 - - -\n",
       "/d 0 60600 1 0 0 259 1.0 - - -\n",
       {"~ /d type character device block device"}},
      {"file to directory",
       "/f 0 100644 1 0 0 0 1.0 - - -\n",
       "/f 0 40755 2 0 0 0 1.0 - - -\n/f/g 0 10644 1 0 0 0 1.0 - - -\n",
       {"~ /f type file directory", "~ /f mode 0644 0755", "+ /f/g"}},
      {"xattrs",
       "/f 0 100644 1 0 0 0 1.0 - - - user.a=1 user.b=1\n",
       "/f 0 100644 1 0 0 0 1.0 - - - user.b=2 user.c=\n",
       {"~ /f xattr user.a 1 none", "~ /f xattr user.b 1 2", "~ /f xattr user.c none -"}},
      {"link count", "/f 0 100644 1 0 0 0 1.0 - - -\n", "/f 0 100644 3 0 0 0 1.0 - - -\n", {"~ /f links 1 3"}},
      {"payload",
       "/f 100 100644 1 0 0 0 1.0 x/y - " + digest_a + "\n",
       "/f 100 100644 1 0 0 0 1.0 x/z - " + digest_a + "\n",
       {"~ /f payload x/y x/z"}},
  };
  for (const auto& row : rows) {
    INFO(row.name);
    const Outcome outcome = compared(root + row.before, root + row.after);
    CHECK(outcome.lines == row.lines);
    CHECK_FALSE(outcome.totals.equal());
  }
}

TEST_CASE("changes come in the order of a walk, directories before what is in them") {
  const std::string before =
      "/ 4096 40755 3 0 0 0 1.0 - - -\n/a 4096 40755 2 0 0 0 1.0 - - -\n/a/x 0 10644 1 0 0 0 1.0 - - -\n";
  const std::string after =
      "/ 4096 40755 3 0 0 0 2.0 - - -\n/a-b 0 10644 1 0 0 0 1.0 - - -\n/b 4096 40755 2 0 0 0 1.0 - - -\n"
      "/b/y 0 10644 1 0 0 0 1.0 - - -\n";
  const Outcome outcome = compared(before, after);
  CHECK(outcome.lines == Lines{"~ / mtime 1.000000000 2.000000000", "- /a", "- /a/x", "+ /a-b", "+ /b", "+ /b/y"});
  CHECK(outcome.totals.added == 3);
  CHECK(outcome.totals.removed == 2);
  CHECK(outcome.totals.changed == 1);
}

TEST_CASE("names that are other names of one file only on one side are named") {
  const std::string empty = " 0 100644 2 0 0 0 1.0 - - -\n";
  const std::string before =
      root + "/a" + empty + "/b 0 @100644 2 0 0 0 1.0 /a - -\n/c" + empty + "/d 0 @100644 2 0 0 0 1.0 /c - -\n";
  const std::string after =
      root + "/a" + empty + "/b" + empty + "/c 0 @100644 2 0 0 0 1.0 /a - -\n/d 0 @100644 2 0 0 0 1.0 /b - -\n";
  CHECK(compared(before, after).lines == Lines{"~ /b hard link /a none", "~ /b first name no yes",
                                               "~ /c hard link none /a", "~ /c first name yes no",
                                               "~ /d hard link /c /b"});
  const std::string single = root + "/a 0 100644 1 0 0 0 1.0 - - -\n";
  CHECK(compared(root + "/a" + empty + "/b 0 @100644 2 0 0 0 1.0 /a - -\n", single).lines ==
        Lines{"~ /a links 2 1", "- /b"});
}

TEST_CASE("bytes are counted once for each file and each object") {
  const std::string linked = "/g 0 @100644 2 0 0 0 1.0 /f - -\n";
  std::string two = file("/f", digest_a);
  two.replace(two.find("100644 1"), 8, "100644 2");
  const Comparison totals =
      compared(root + file("/e", digest_b) + two + linked, root + file("/e", digest_b, "1000")).totals;
  CHECK(totals.removed == 2);
  CHECK(totals.files_removed.count == 1);
  CHECK(totals.files_removed.bytes == 1000);
  CHECK(totals.objects_shared.bytes == 1000);
  CHECK(totals.objects_removed.count == 1);
  CHECK(totals.objects_added.count == 0);
}

TEST_CASE("digests of different algorithms are not called equal") {
  const std::string digest(128, 'a');
  const Outcome outcome = compared(root + file("/f", digest_a), root + file("/f", digest));
  CHECK(outcome.lines.empty());
  CHECK_FALSE(outcome.totals.contents_compared);
  CHECK_FALSE(outcome.totals.equal());
  CHECK(compared(root + file("/f", digest_a), root + file("/f", digest, "7000")).lines.front() ==
        "~ /f size 1000 7000");
}
