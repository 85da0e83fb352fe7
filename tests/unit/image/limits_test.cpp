// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Trees come from untrusted layers: what no image can hold is refused with the path, what is merely large works.
#include <cstring>

#include "builder/image/image.hpp"
#include "builder/tree/dumpfile.hpp"
#include "store/core/error.hpp"
#include "store/erofs/format.hpp"
#include "tests/catch.hpp"

using namespace sealroot;

namespace {

Node node_of(decltype(Node::content) content) {
  Node node;
  node.content = std::move(content);
  return node;
}

/// A tree with one directory `d` that holds `name`.
Tree tree_with(const std::string& name, Node node) {
  Tree tree;
  const NodeId directory = tree.add({});
  tree[root_node].directory()->children["d"] = directory;
  const NodeId child = tree.add(std::move(node));
  tree[directory].directory()->children[name] = child;
  return tree;
}

RegularFile external(std::uint64_t size) {
  RegularFile file;
  file.size = size;
  return file;
}

RegularFile inlined(const std::string& content, std::uint64_t size) {
  RegularFile file;
  file.size = size;
  file.inline_content = content;
  return file;
}

Node with_xattr(const std::string& name, const std::string& value) {
  Node node = node_of(Fifo{});
  node.metadata.xattrs[name] = value;
  return node;
}

}  // namespace

TEST_CASE("what no image can hold is refused with path and reason") {
  struct Row {
    std::string name;
    Node node;
    std::string reason;
  };
  const std::vector<Row> rows{
      {"", node_of(Fifo{}), "'/d/': empty file name"},
      {".", node_of(Fifo{}), "'/d/.': '.' and '..' are no file names"},
      {"..", node_of(Fifo{}), "'.' and '..' are no file names"},
      {"a/b", node_of(Fifo{}), "'/' or NUL in a file name"},
      {std::string("a\0b", 3), node_of(Fifo{}), "'/' or NUL in a file name"},
      {std::string(256, 'n'), node_of(Fifo{}), "longer than 255 bytes"},
      {"f", node_of(external((std::uint64_t{1} << 53) + 1)), "'/d/f': file of more than 2^53 bytes"},
      {"f", node_of(inlined("abc", 4)), "content of another length"},
      {"f", node_of(inlined(std::string(5001, 'x'), 5001)), "inline content of more than 5000 bytes"},
      {"l", node_of(Symlink{""}), "symbolic link without a target"},
      {"l", node_of(Symlink{std::string(4096, 't')}), "longer than 4095 bytes"},
      {"l", node_of(Symlink{std::string("t\0", 2)}), "NUL in the target"},
      {"x", with_xattr("", "v"), "xattr name of no"},
      {"x", with_xattr(std::string(256, 'k'), "v"), "xattr name of no or more than 255 bytes"},
      {"x", with_xattr("user.k", std::string(65536, 'v')), "more than 32767 bytes of xattrs"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.reason);
    CHECK_THROWS_WITH(make_image(tree_with(row.name, row.node), ImageFormat::v1), has_text(row.reason));
  }
}

TEST_CASE("a directory with two names or below itself is refused") {
  Tree tree = tree_with("f", node_of(Fifo{}));
  tree[root_node].directory()->children["e"] = 1;
  CHECK_THROWS_WITH(make_image(tree, ImageFormat::v1), has_text("a directory with two names"));
  Tree loop = tree_with("f", node_of(Fifo{}));
  loop[1].directory()->children["loop"] = 1;
  CHECK_THROWS_WITH(make_image(loop, ImageFormat::v1), has_text("a directory with two names"));
}

TEST_CASE("a node id beyond the table and a root that is no directory are refused") {
  Tree tree;
  tree[root_node].directory()->children["x"] = 7;
  CHECK_THROWS_WITH(make_image(tree, ImageFormat::v1), has_text("no such node"));
  Tree file;
  file[root_node] = node_of(Fifo{});
  CHECK_THROWS_WITH(make_image(file, ImageFormat::v1), has_text("root is not a directory"));
}

TEST_CASE("a hundred thousand directories inside each other make an image") {
  Tree tree;
  NodeId parent = root_node;
  for (int depth = 0; depth < 100'000; ++depth) {
    const NodeId child = tree.add({});
    tree[parent].directory()->children["d"] = child;
    parent = child;
  }
  const Bytes image = make_image(tree, ImageFormat::v1);
  erofs::Superblock super;
  REQUIRE(image.size() > erofs::inodes_offset);
  std::memcpy(&super, image.data() + erofs::super_offset, sizeof(super));
  CHECK(super.inos == 100'000 + 1 + 256);
  CHECK(super.blocks * erofs::block_size == image.size());
}

TEST_CASE("making an image leaves the tree alone and depends on nothing else") {
  const std::string text =
      "/ 4096 40755 3 0 0 0 1.0 - - - trusted.overlay.opaque=y\n"
      "/00 0 100644 1 0 0 0 1.0 - - -\n"
      "/dir 4096 40755 2 0 0 0 1.0 - - -\n"
      "/dir/whiteout 0 20000 1 0 0 0 1.0 - - -\n";
  const Tree tree = parse_dumpfile(as_bytes(text));
  const Bytes first = make_image(tree, ImageFormat::lowest);
  CHECK(print_dumpfile(tree) == text);
  CHECK(make_image(tree, ImageFormat::v1) == first);
  CHECK(make_image(tree, ImageFormat::v0) != first);
}

TEST_CASE("nodes that no name reaches don't count") {
  Tree tree = tree_with("f", node_of(Fifo{}));
  const Bytes image = make_image(tree, ImageFormat::v1);
  tree.add(node_of(Symlink{"left over"}));
  CHECK(make_image(tree, ImageFormat::v1) == image);
}
