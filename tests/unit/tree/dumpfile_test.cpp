// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/tree/dumpfile.hpp"

#include <algorithm>

#include "store/core/error.hpp"
#include "tests/catch.hpp"
#include "tests/golden.hpp"

using namespace sealroot;

namespace {

const std::string root = "/ 4096 40755 2 0 0 0 0.0 - - -\n";
const std::string digest(64, 'a');

Tree parse(const std::string& text, DumpfileRules rules = DumpfileRules::strict) {
  return parse_dumpfile(as_bytes(text), rules);
}

const RegularFile& file_at(const Tree& tree, const std::string& path) {
  const std::optional<NodeId> id = find(tree, path);
  REQUIRE(id);
  REQUIRE(tree[*id].regular() != nullptr);
  return *tree[*id].regular();
}

}  // namespace

TEST_CASE("a printed dumpfile parses to a tree that prints the same, in every golden case") {
  for (const GoldenImage& row : golden_images()) {
    if (row.mode != "default") continue;
    CAPTURE(row.name);
    const Tree tree = parse_dumpfile(gunzip_test_data("golden/" + row.name + ".dump.gz"));
    const std::string printed = print_dumpfile(tree);
    CHECK(print_dumpfile(parse(printed)) == printed);
  }
}

TEST_CASE("a dumpfile in the tools' own spelling is printed as it was") {
  const std::string text =
      "/ 4096 40755 3 0 0 0 -1.5 - - -\n"
      "/a 4096 41777 2 1 2 0 1.0 - - - security.selinux=a:b\\x00 user.\\x3d=\\x3d-\n"
      "/a/external 70 100644 1 0 0 0 1.0 aa/" +
      digest.substr(2) + " - " + digest +
      "\n"
      "/a/inline 4 104755 1 0 0 0 1.0 - \\n\\t\\\\\\x20 -\n"
      "/block 0 60660 1 0 0 2049 1.0 - - -\n"
      "/dash 1 100644 1 0 0 0 1.0 - \\x2d -\n"
      "/empty 0 100644 7 0 0 0 1.0 - - -\n"
      "/fifo 0 10644 1 0 0 0 1.0 - - -\n"
      "/first 4 @104755 2 0 0 0 1.0 /hard - -\n"
      "/hard 4 104755 2 0 0 0 1.0 - text -\n"
      "/link 4 120777 1 0 0 0 1.0 a\\x20=b - -\n"
      "/no-object 70 100644 1 0 0 0 1.0 - - -\n"
      "/no-payload 70 100644 1 0 0 0 1.0 - - " +
      digest +
      "\n"
      "/other-payload 70 100644 1 0 0 0 1.0 /x/y - " +
      digest +
      "\n"
      "/socket 0 140755 1 0 0 0 1.0 - - -\n"
      "/whiteout 0 20000 1 0 0 0 1.0 - - -\n";
  CHECK(print_dumpfile(parse(text)) == text);
}

TEST_CASE("fields arrive in the tree") {
  const Tree tree = parse(root + "/f 70 104750 1 1 2 0 -7.000000005 aa/" + digest.substr(2) + " - " + digest +
                          " user.k=v\\x3d=\n/g 70 100644 1 0 0 0 0.0 some/where - " + digest +
                          "\n/h 70 100644 1 0 0 0 0.0 - - " + digest + "\n");
  const Node& node = tree[*find(tree, "f")];
  CHECK(node.metadata.permissions == 04750);
  CHECK(node.metadata.uid == 1);
  CHECK(node.metadata.gid == 2);
  CHECK(node.metadata.mtime_seconds == -7);
  CHECK(node.metadata.mtime_nanoseconds == 5);
  CHECK(node.metadata.xattrs == Xattrs{{"user.k", "v=="}});
  CHECK_FALSE(node.nlink);
  CHECK(file_at(tree, "f").payload.empty());
  CHECK_FALSE(file_at(tree, "f").without_payload);
  CHECK(file_at(tree, "g").payload == "some/where");
  CHECK(file_at(tree, "h").without_payload);
}

TEST_CASE("of a mode the lowest 16 bits count, as for mkcomposefs") {
  CHECK(print_dumpfile(parse(root + "/l 1 20720777 1 0 0 0 0.0 t - -\n")) ==
        print_dumpfile(parse(root + "/l 1 120777 1 0 0 0 0.0 t - -\n")));
}

TEST_CASE("hard links share a node, whichever line comes first") {
  const Tree tree = parse(root +
                          "/a 0 @100644 - - - - 0.0 /d/b - -\n"
                          "/c 0 @100644 - - - - 0.0 /a - -\n"
                          "/d 4096 40755 2 0 0 0 0.0 - - -\n"
                          "/d/b 0 100644 3 0 0 0 0.0 - - -\n");
  const NodeId node = *find(tree, "d/b");
  CHECK(find(tree, "a") == node);
  CHECK(find(tree, "c") == node);
  CHECK_FALSE(tree[node].nlink);
  REQUIRE(tree.primary_names.size() == 1);
  CHECK(tree.primary_names.at(node).directory == *find(tree, "d"));
  CHECK(tree.primary_names.at(node).name == "b");
}

TEST_CASE("text may come in any parts") {
  const std::string text = root + "/f 0 100644 1 0 0 0 0.0 - - -\n/g 1 100644 1 0 0 0 0.0 - x -\n";
  for (std::size_t size = 1; size < text.size(); ++size) {
    DumpfileParser parser;
    for (std::size_t at = 0; at < text.size(); at += size) {
      parser.add(as_bytes(std::string_view(text).substr(at, size)));
    }
    CHECK(print_dumpfile(parser.finish()) == print_dumpfile(parse(text)));
  }
}

TEST_CASE("malformed dumpfiles are refused with line and reason") {
  struct Row {
    std::string text, reason;
  };
  const std::string file = "/f 0 100644 1 0 0 0 0.0 - - -\n";
  const std::vector<Row> rows{
      {"", "empty dumpfile"},
      {"\n", "line 1: path: empty field"},
      {"/f 0 100644 1 0 0 0 0.0 - - -\n", "the first entry is not the root"},
      {"/ 0 100644 1 0 0 0 0.0 - - -\n", "line 1: the root is not a directory"},
      {root + root, "line 2: a second root"},
      {root + file + file, "line 3: path: given twice"},
      {root + file + "/f/g 0 100644 1 0 0 0 0.0 - - -\n", "line 3: path: parent is not a directory"},
      {root + "/d/g 0 100644 1 0 0 0 0.0 - - -\n", "parent directory '/d' is missing"},
      {root + "f 0 100644 1 0 0 0 0.0 - - -\n", "path: 'f' is not absolute"},
      {root + "// 0 100644 1 0 0 0 0.0 - - -\n", "path: empty name"},
      {root + "/. 0 100644 1 0 0 0 0.0 - - -\n", "'.' and '..' are no names"},
      {root + "/.. 0 100644 1 0 0 0 0.0 - - -\n", "'.' and '..' are no names"},
      {root + "/a\\x00b 0 100644 1 0 0 0 0.0 - - -\n", "path: NUL byte"},
      {root + "/" + std::string(256, 'n') + " 0 100644 1 0 0 0 0.0 - - -\n", "name longer than 255 bytes"},
      {root + std::string("/a\0b 0 100644 1 0 0 0 0.0 - - -\n", 32), "line 2: NUL byte"},
      {root + "/f 0 100644 1 0 0 0 0.0 - -\n", "missing digest"},
      {root + "/f  0 100644 1 0 0 0 0.0 - - -\n", "size: empty field"},
      {root + "/f 0 100644 1 0 0 0 0.0 - - -  user.a=b\n", "xattr '' without '='"},
      {root + file.substr(0, file.size() - 1), "the last line has no end"},
      {root + "/f -1 100644 1 0 0 0 0.0 - - -\n", "size: '-1' is not a number"},
      {root + "/f 99999999999999999999 100644 1 0 0 0 0.0 - - -\n", "is too large"},
      {root + "/f 0 100648 1 0 0 0 0.0 - - -\n", "mode: '100648' is not a number"},
      {root + "/f 0 644 1 0 0 0 0.0 - - -\n", "mode: '644' is no type of file"},
      {root + "/f 0 100644 1 4294967296 0 0 0.0 - - -\n", "uid: '4294967296' is too large"},
      {root + "/f 0 100644 1 0 0 0 0 - - -\n", "mtime: '0' has no nanoseconds"},
      {root + "/f 0 100644 1 0 0 0 0.1000000000 - - -\n", "a second or more of nanoseconds"},
      {root + "/f 0 100644 1 0 0 3 0.0 - - -\n", "rdev: not for this type"},
      {root + "/f 2 100644 1 0 0 0 0.0 - x -\n", "content: 1 bytes, but size says 2"},
      {root + "/f 5001 100644 1 0 0 0 0.0 - " + std::string(5001, 'x') + " -\n", "more than 5000 bytes"},
      {root + "/f 70 100644 1 0 0 0 0.0 - - " + std::string(64, 'A') + "\n", "64 or 128 lower-case hex digits"},
      {root + "/f 0 100644 1 0 0 0 0.0 \\q - -\n", "unknown escape"},
      {root + "/f 0 100644 1 0 0 0 0.0 \\x4 - -\n", "\\x without two hex digits"},
      {root + "/f 0 100644 1 0 0 0 0.0 a\\ - -\n", "lone backslash"},
      {root + "/f 70 100644 1 0 0 0 0.0 " + std::string(4096, 'p') + " - -\n", "payload: longer than 4095 bytes"},
      {root + "/l 1 120777 1 0 0 0 0.0 - - -\n", "symbolic link without a target"},
      {root + "/l 2 120777 1 0 0 0 0.0 t - -\n", "size: not the length of the target"},
      {root + "/p 0 10644 1 0 0 0 0.0 - x -\n", "content: not for this type of file"},
      {root + "/f 0 100644 1 0 0 0 0.0 - - - user.a\n", "xattr 'user.a' without '='"},
      {root + "/f 0 100644 1 0 0 0 0.0 - - - =v\n", "xattr name of no or more"},
      {root + "/f 0 100644 1 0 0 0 0.0 - - - user.a=1 user.a=2\n", "xattr 'user.a' given twice"},
      {root + "/f 0 100644 1 0 0 0 0.0 - - - user.a=" + std::string(32743, 'v') + "\n", "32767 bytes of xattrs"},
      {root + "/f 0 @100644 1 0 0 0 0.0 /g - -\n", "line 2: payload: no such file '/g'"},
      {root + "/f 0 @100644 1 0 0 0 0.0 - - -\n", "target by an absolute path"},
      {root + "/f 0 @40755 1 0 0 0 0.0 / - -\n", "a hard link to a directory"},
      {root + "/f 0 @100644 1 0 0 0 0.0 / - -\n", "a hard link to a directory"},
      {root + "/f 0 @100644 1 0 0 0 0.0 /f - -\n", "a hard link that ends in itself"},
      {root + "/f 0 @100644 1 0 0 0 0.0 /g - -\n/g 0 @100644 1 0 0 0 0.0 /f - -\n", "ends in itself"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.reason);
    CHECK_THROWS_WITH(parse(row.text), has_text(row.reason));
  }
  CHECK_NOTHROW(parse(root + "/f 0 100644 1 0 0 0 0.0 - - - user.a=" + std::string(32742, 'v') + "\n"));
}

TEST_CASE("lenient rules take what mkcomposefs takes by default") {
  for (const char* line : {"/f 0 100644 1 0 0 3 0.0 - - -\n", "/l 2 120777 1 0 0 0 0.0 t - -\n",
                           "/l 1 120777 1 0 0 0 0.0 t\n", "/f 0 100644 1 0 0 0 0.0 - - -"}) {
    CAPTURE(line);
    CHECK_THROWS_AS(parse(root + line), Error);
    CHECK(parse(root + line, DumpfileRules::lenient).nodes.size() == 2);
  }
}
