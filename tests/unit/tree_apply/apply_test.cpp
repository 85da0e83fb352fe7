// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/tree/apply.hpp"

#include <algorithm>
#include <functional>
#include <set>

#include "layers.hpp"
#include "store/core/error.hpp"
#include "tests/catch.hpp"

using namespace sealroot;

namespace {

void check_refused(const std::vector<std::string>& layers, const std::string& reason) {
  CHECK_THROWS_WITH(merged(layers), has_text(reason));
}

}  // namespace

TEST_CASE("a later entry replaces an earlier one, directories keep their children") {
  const std::string lower =
      TarWriter().directory("d").file("d/f", "1").file("x", "1").directory("y").file("y/f", "1").str();
  CHECK(listed(merged({lower, TarWriter().directory("d", 0700).str()})) == "d/ d/f=1 x=1 y/ y/f=1");
  CHECK(listed(merged({lower, TarWriter().file("d", "2").str()})) == "d=2 x=1 y/ y/f=1");
  CHECK(listed(merged({lower, TarWriter().directory("x").file("x/n", "2").str()})) == "d/ d/f=1 x/ x/n=2 y/ y/f=1");
  CHECK(listed(merged({lower, TarWriter().symlink("y", "d").str()})) == "d/ d/f=1 x=1 y->d");
  const Tree tree = merged({lower, TarWriter().directory("d", 0700).str()});
  CHECK(tree[*find(tree, "d")].metadata.permissions == 0700);
}

TEST_CASE("T8_of_duplicates_in_one_layer_the_last_wins") {
  CHECK(listed(merged({TarWriter().file("f", "1").file("f", "2").str()})) == "f=2");
  CHECK(listed(merged({TarWriter().directory("d").file("d/a", "1").file("d", "2").directory("d").str()})) == "d/");
  CHECK(listed(merged({TarWriter().directory("d").file("d/a", "1").directory("d/").str()})) == "d/ d/a=1");
}

TEST_CASE("T2_nothing_is_reached_through_a_symbolic_link") {
  check_refused({TarWriter().symlink("etc", "/tmp").file("etc/f", "x").str()}, "its parent 'etc' is not a directory");
  check_refused({TarWriter().directory("d").file("d/f").symlink("s", "d").hard_link("h", "s/f").str()},
                "does not exist");
  check_refused({TarWriter().file("f").file("f/x").str()}, "its parent 'f' is not a directory");
}

TEST_CASE("an entry without an entry for its parent directory is refused") {
  check_refused({TarWriter().file("usr/bin/true").str()},
                "layer: entry 'usr/bin/true' at offset 0: no entry for its parent directory 'usr/bin'");
}

TEST_CASE("T3_hard_links_share_the_inode_or_are_refused") {
  const Tree tree =
      merged({TarWriter().file("f", "1").symlink("s", "f").hard_link("h", "f").hard_link("t", "s").str()});
  CHECK(*find(tree, "f") == *find(tree, "h"));
  CHECK(*find(tree, "s") == *find(tree, "t"));

  const std::string lower = TarWriter().file("f", "1").directory("d").str();
  check_refused({TarWriter().hard_link("h", "f").file("f").str()}, "does not exist");  // forward
  check_refused({lower, TarWriter().hard_link("h", "none").str()}, "hard link to 'none', which does not exist");
  check_refused({lower, TarWriter().hard_link("h", "d").str()}, "hard link to the directory 'd'");
  check_refused({lower, TarWriter().hard_link("h", "/").str()}, "hard link to the directory ''");
  check_refused({lower, TarWriter().hard_link("f", "f").str()}, "hard link to itself");
  check_refused({lower, TarWriter().hard_link("f", "./f").str()}, "hard link to itself");
  check_refused({lower, TarWriter().file(".wh.f").hard_link("h", "f").str()}, "does not exist");
}

TEST_CASE("a hard link keeps what the name stood for when the name is replaced") {
  const std::string lower = TarWriter().file("f", "1").str();
  const Tree tree = merged({lower, TarWriter().hard_link("h", "f").file("f", "2").str()});
  CHECK(listed(tree) == "f=2 h=1");
}

TEST_CASE("only a directory may stand for the root") {
  const Tree tree = merged({TarWriter().directory("./", 0700).file("f").str()});
  CHECK(tree[root_node].metadata.permissions == 0700);
  check_refused({TarWriter().symlink(".", "x").str()}, "root must be a directory");
  check_refused({TarWriter().file("f").hard_link(".", "f").str()}, "root must be a directory");
}

TEST_CASE("T7_whiteouts_hide_lower_layers_only") {
  const std::string lower = TarWriter().directory("d").file("d/a", "1").file("d/b", "1").file("f", "1").str();
  CHECK(listed(merged({lower, TarWriter().file(".wh.f").str()})) == "d/ d/a=1 d/b=1");
  CHECK(listed(merged({lower, TarWriter().file("d/.wh.a").str()})) == "d/ d/b=1 f=1");
  CHECK(listed(merged({lower, TarWriter().file(".wh.d").str()})) == "f=1");
  CHECK(listed(merged({lower, TarWriter().file("d/.wh..wh..opq").str()})) == "d/ f=1");
  CHECK(listed(merged({lower, TarWriter().file(".wh..wh..opq").str()})).empty());
  CHECK(listed(merged({lower, TarWriter().file("d/.wh.none").str()})) == "d/ d/a=1 d/b=1 f=1");
  check_refused({lower, TarWriter().file("none/.wh.x").str()}, "'none' is not a directory of the image");
  check_refused({lower, TarWriter().file("f/.wh.x").str()}, "'f' is not a directory of the image");
}

TEST_CASE("T7_every_order_of_a_layer_with_whiteouts_gives_the_same_tree") {
  const std::string lower = TarWriter()
                                .directory("d")
                                .file("d/a", "1")
                                .file("d/b", "1")
                                .directory("d/s")
                                .file("d/s/x", "1")
                                .file("f", "1")
                                .str();
  struct Case {
    std::vector<std::string> entries;  // one ending in '/' is a directory
    std::string tree;
  };
  const std::vector<Case> cases{
      {{"d/.wh..wh..opq", "d/a", "d/c"}, "d/ d/a=2 d/c=2 f=1"},
      {{"d/.wh.a", "d/a", "d/b"}, "d/ d/a=2 d/b=2 d/s/ d/s/x=1 f=1"},
      {{".wh.f", "f", "d/.wh.s"}, "d/ d/a=1 d/b=1 f=2"},
      {{"d/.wh..wh..opq", "d/.wh.b", "d/b", "f"}, "d/ d/b=2 f=2"},
      {{"d/.wh.s", "d/.wh.a", "d/.wh.b", "d/n"}, "d/ d/n=2 f=1"},
  };
  for (Case one : cases) {
    std::sort(one.entries.begin(), one.entries.end());
    do {
      TarWriter upper;
      for (const std::string& name : one.entries) upper.file(name, name.find(".wh.") == std::string::npos ? "2" : "");
      CAPTURE(one.entries);
      CHECK(listed(merged({lower, upper.str()})) == one.tree);
    } while (std::next_permutation(one.entries.begin(), one.entries.end()));
  }
}

TEST_CASE("T7_a_directory_made_anew_beside_its_whiteout_is_empty_of_lower_names") {
  const std::string lower = TarWriter().directory("d").file("d/a", "1").str();
  CHECK(listed(merged({lower, TarWriter().file(".wh.d").directory("d").file("d/n", "2").str()})) == "d/ d/n=2");
  CHECK(listed(merged({lower, TarWriter().directory("d").file("d/n", "2").file(".wh.d").str()})) == "d/ d/n=2");
}

TEST_CASE("contents over the inline size get the digest of their object") {
  const Tree tree = merged({TarWriter().file("small", std::string(64, 'x')).file("big", std::string(65, 'x')).str()});
  CHECK_FALSE(tree[*find(tree, "small")].regular()->digest);
  CHECK(tree[*find(tree, "small")].regular()->inline_content.size() == 64);
  CHECK(tree[*find(tree, "big")].regular()->digest);
}
