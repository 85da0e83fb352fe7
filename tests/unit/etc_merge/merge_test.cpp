// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "upgrade/etc_merge/merge.hpp"

#include "upgrade/etc_merge/carry_over.hpp"

#include "etc_text.hpp"
#include "store/core/error.hpp"
#include "tests/catch.hpp"

using namespace sealroot;

namespace {

EtcMerge merged(const Tree& old_image, const Tree& here, const Tree& new_image, EtcPolicy policy) {
  return merge_etc({old_image, root_node}, {here, root_node}, {new_image, root_node}, policy);
}

/// `path: kind side [metadata] reason` of each change.
std::string text_of(const std::vector<EtcChange>& changes) {
  std::string text;
  for (const EtcChange& change : changes) {
    const char* const kind = change.kind == EtcChange::Kind::kept    ? "kept"
                             : change.kind == EtcChange::Kind::taken ? "taken"
                             : change.local                          ? "conflict-kept"
                                                                     : "conflict-taken";
    text += (text.empty() ? "" : "; ") + change.path + ": " + kind + (change.metadata ? " metadata" : "") + ", " +
            change.reason;
  }
  return text;
}

struct Row {
  std::string name;
  std::string old_image;
  std::string here;
  std::string new_image;
  std::string keep_local;
  std::string take_new;  // empty: the same
  std::string changes;   // with keep-local
};

const std::vector<Row> rows{
    {"nothing changed", "a=1", "a=1", "a=1", "a=1", "", ""},
    {"image changed", "a=1", "a=1", "a=2", "a=2", "", "a: taken, changed by the image"},
    {"image added", "", "", "a=2", "a=2", "", "a: taken, added by the image"},
    {"image removed", "a=1 b=1", "a=1 b=1", "b=1", "b=1", "", "a: taken, removed by the image"},
    {"changed here", "a=1", "a=2", "a=1", "a=2", "", "a: kept, changed here"},
    {"added here", "", "a=2", "", "a=2", "", "a: kept, added here"},
    {"removed here", "a=1 b=1", "b=1", "a=1 b=1", "b=1", "", "a: kept, removed here"},
    {"both the same change", "a=1", "a=2", "a=2", "a=2", "", ""},
    {"both removed", "a=1", "", "", "", "", ""},
    {"both changed", "a=1", "a=2", "a=3", "a=2", "a=3", "a: conflict-kept, changed here, changed by the image"},
    {"both added", "", "a=2", "a=3", "a=2", "a=3", "a: conflict-kept, added here, added by the image"},
    {"removed here, changed there", "a=1", "", "a=3", "", "a=3",
     "a: conflict-kept, removed here, changed by the image"},
    {"changed here, removed there", "a=1", "a=2", "", "a=2", "",
     "a: conflict-kept, changed here, removed by the image"},
    {"content there, mode here", "a=1", "a=1@600", "a=2", "a=2@600", "",
     "a: taken, changed by the image; a: kept metadata, changed here"},
    {"content here, mode there", "a=1", "a=2", "a=1@600", "a=2@600", "",
     "a: kept, changed here; a: taken metadata, changed by the image"},
    {"modes conflict", "a=1", "a=1@600", "a=1@640", "a=1@600", "a=1@640",
     "a: conflict-kept metadata, changed here, changed by the image"},
    {"mode of a directory", "d/", "d/@700", "d/ d/a=1", "d/@700 d/a=1", "",
     "d: kept metadata, changed here; d/a: taken, added by the image"},
    {"link changed here", "l->x", "l->y", "l->x", "l->y", "", "l: kept, changed here"},
    {"file became a link there", "a=1", "a=1", "a->b", "a->b", "", "a: taken, changed by the image"},
    {"directory with own files removed there", "d/ d/a=1", "d/ d/a=1 d/own=2", "", "d/ d/own=2", "",
     "d: kept, removed by the image, but holds changes made here; d/a: taken, removed by the image; "
     "d/own: kept, added here"},
    {"file changed here, its directory removed there", "d/ d/a=1", "d/ d/a=2", "", "d/ d/a=2", "",
     "d: kept, removed by the image, but holds changes made here; "
     "d/a: conflict-kept, changed here, removed by the image"},
    {"directory without own files removed there", "d/ d/a=1", "d/ d/a=1", "", "", "", "d: taken, removed by the image"},
    {"directory removed here, added to there", "d/ d/a=1", "", "d/ d/a=1 d/b=2", "", "d/ d/b=2",
     "d: conflict-kept, removed here, a directory with changes in the image"},
    {"directory removed here, unchanged there", "d/ d/a=1", "", "d/ d/a=1", "", "", "d: kept, removed here"},
    {"I4_directory became a link here, changed there", "d/ d/a=1", "d->/var", "d/ d/a=2", "d->/var", "d/ d/a=2",
     "d: conflict-kept, changed here, a directory with changes in the image"},
    {"I4_directory became a link here, unchanged there", "d/ d/a=1", "d->/var", "d/ d/a=1", "d->/var", "",
     "d: kept, changed here"},
    {"I4_directory became a file there, with own files here", "d/", "d/ d/own=1", "d=2", "d/ d/own=1", "d=2",
     "d: conflict-kept, a directory with changes here, something else in the image; d/own: kept, added here"},
    {"I4_file became a directory there, changed here", "a=1", "a=2", "a/ a/b=3", "a=2", "a/ a/b=3",
     "a: conflict-kept, changed here, a directory with changes in the image"},
    {"file became a directory there", "a=1", "a=1", "a/ a/b=3", "a/ a/b=3", "",
     "a: taken, changed by the image; a/b: taken, added by the image"},
    {"deep additions from both", "d/ d/e/", "d/ d/e/ d/e/x=1", "d/ d/e/ d/e/y=2", "d/ d/e/ d/e/x=1 d/e/y=2", "",
     "d/e/x: kept, added here; d/e/y: taken, added by the image"},
};

}  // namespace

TEST_CASE("three versions of /etc become one") {
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const Tree old_image = tree_of(row.old_image);
    const Tree here = tree_of(row.here);
    const Tree new_image = tree_of(row.new_image);
    const EtcMerge kept = merged(old_image, here, new_image, EtcPolicy::keep_local);
    CHECK(text_of(kept.tree) == row.keep_local);
    CHECK(text_of(kept.changes) == row.changes);
    const EtcMerge taken = merged(old_image, here, new_image, EtcPolicy::take_new);
    const bool conflicts = row.changes.find("conflict") != std::string::npos;
    CHECK(text_of(taken.tree) == (conflicts ? row.take_new : row.keep_local));
  }
}

TEST_CASE("I4_a_conflict_is_an_error_where_the_policy_says_so") {
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const EtcMerge merge = merged(tree_of(row.old_image), tree_of(row.here), tree_of(row.new_image), EtcPolicy::fail);
    if (row.changes.find("conflict") == std::string::npos) {
      CHECK_NOTHROW(require_no_conflict(merge));
    } else {
      CHECK_THROWS_WITH(require_no_conflict(merge), has_text("/etc has 1 conflicts: '/etc/"));
    }
  }
}

TEST_CASE("an overlay shows the merge over the new image") {
  struct Overlay {
    std::string merge;
    std::string new_image;
    std::string upper;
  };
  for (const Overlay& row :
       {Overlay{"a=1", "a=1", ""}, Overlay{"a=2 b=1", "a=1 b=1", "a=2"}, Overlay{"b=1", "a=1 b=1", "a=whiteout"},
        Overlay{"a=1@600", "a=1", "a=1@600"}, Overlay{"d/ d/a=1 d/b=1", "d/ d/a=1 d/c=2", "d/ d/b=1 d/c=whiteout"},
        Overlay{"d/@700 d/a=1", "d/ d/a=1", "d/@700"}, Overlay{"d/ d/a=1", "d=1", "d/ d/a=1"},
        Overlay{"d=1", "d/ d/a=1", "d=1"}, Overlay{"d/ d/e/ d/e/f=1", "d/ d/e/ d/e/f=1", ""}}) {
    CAPTURE(row.merge, row.new_image);
    const EtcMerge merge{tree_of(row.merge), {}, {}};
    const Tree lower = tree_of(row.new_image);
    CHECK(text_of(overlay_upper(merge, {lower, root_node}).tree) == row.upper);
  }
}

TEST_CASE("what an overlay shows is the upper layer over the lower one") {
  struct Layers {
    std::string lower;
    std::string upper;  // with `gone=` for a whiteout
    std::string shown;
  };
  for (const Layers& row :
       {Layers{"a=1 b=1", "", "a=1 b=1"}, Layers{"a=1 b=1", "a=2 gone=", "a=2 b=1"},
        Layers{"a=1 gone=1", "gone=", "a=1"}, Layers{"d/ d/a=1", "d/@700 d/b=2", "d/@700 d/a=1 d/b=2"},
        Layers{"d/ d/a=1", "d=2", "d=2"}, Layers{"d=1", "d/ d/b=2", "d/ d/b=2"}, Layers{"", "d/ d/b=2", "d/ d/b=2"}}) {
    CAPTURE(row.lower, row.upper);
    const Tree lower = tree_of(row.lower);
    Tree upper = tree_of(row.upper);
    if (const auto gone = find(upper, "gone")) upper[*gone].content = DeviceNode{false, 0};
    CHECK(text_of(lay_over({lower, root_node}, upper)) == row.shown);
  }
}

TEST_CASE("an opaque directory of an overlay hides what is below it, and its mark is none of ours") {
  const Tree lower = tree_of("d/ d/a=1");
  Tree upper = tree_of("d/ d/b=2");
  upper[*find(upper, "d")].metadata.xattrs["trusted.overlay.opaque"] = "y";
  const Tree shown = lay_over({lower, root_node}, upper);
  CHECK(text_of(shown) == "d/ d/b=2");
  CHECK(shown[*find(shown, "d")].metadata.xattrs.empty());
}

TEST_CASE("an image without /etc is one with an empty /etc") {
  const Tree here = tree_of("a=1");
  CHECK(text_of(merge_etc({here, std::nullopt}, {here, root_node}, {here, std::nullopt}, EtcPolicy::fail).tree) ==
        "a=1");
}

TEST_CASE("hard links of the image stay hard links, but for one that is kept as it is here") {
  const Tree before = tree_of("a=1 b=1 c=1");
  const Tree here = tree_of("a=1 b=1 c=1@600");
  Tree after = tree_of("a=2");
  const NodeId file = *find(after, "a");
  for (const char* const name : {"b", "c"}) after[root_node].directory()->children.emplace(name, file);
  const EtcMerge merge = merged(before, here, after, EtcPolicy::fail);
  CHECK(find(merge.tree, "a") == find(merge.tree, "b"));
  CHECK(find(merge.tree, "a") != find(merge.tree, "c"));
  CHECK(text_of(merge.tree) == "a=2 b=2 c=2@600");
}

TEST_CASE("sockets are left out") {
  Tree here = tree_of("a=1");
  here[*find(here, "a")].content = Socket{};
  const Tree image = tree_of("");
  CHECK(text_of(merged(image, here, image, EtcPolicy::fail).tree).empty());
}

TEST_CASE("policies have names") {
  CHECK(parse_etc_policy("keep-local") == EtcPolicy::keep_local);
  CHECK(parse_etc_policy("take-new") == EtcPolicy::take_new);
  CHECK(parse_etc_policy("fail") == EtcPolicy::fail);
  CHECK_THROWS_WITH(parse_etc_policy("x"), has_text("expected keep-local, take-new or fail"));
}
