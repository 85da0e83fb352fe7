// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "upgrade/etc_merge/contents.hpp"

#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "etc_text.hpp"
#include "store/core/error.hpp"
#include "store/repository.hpp"
#include "tests/catch.hpp"
#include "tests/scratch.hpp"

using namespace sealroot;

namespace {

/// A host with a live /etc, a place for the next one, and a file outside that nothing may touch.
struct Fixture {
  Fixture() {
    for (const char* const name : {"here", "next"}) make_directories(scratch.directory(), name);
    here = open_at(scratch.directory(), "here", O_RDONLY | O_DIRECTORY);
    next = open_at(scratch.directory(), "next", O_RDONLY | O_DIRECTORY);
    write_new_file(scratch.directory(), "canary", as_bytes("untouched"), 0600);
  }

  void live(const std::string& name, const std::string& content, mode_t mode = 0644) const {
    write_new_file(here, name, as_bytes(content), mode);
    ::fchmodat(here.get(), name.c_str(), mode, 0);
  }

  EtcMerge merge(const std::string& old_image, const std::string& new_image) const {
    const Tree live_tree = read_live_etc(here, Algorithm::sha256);
    const Tree before = tree_of(old_image);
    const Tree after = tree_of(new_image);
    return merge_etc({before, root_node}, {live_tree, root_node}, {after, root_node}, EtcPolicy::keep_local);
  }

  void write(const EtcMerge& merged) const {
    write_tree(next, merged.tree, root_node, merged_contents(merged, here, repository.objects()));
  }

  struct stat info(const std::string& name) const {
    struct stat found {};
    REQUIRE(::fstatat(next.get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0);
    return found;
  }
  std::string content(const std::string& name) const { return std::string(as_text(read_file(next, name))); }

  Scratch scratch;
  Fd here;
  Fd next;
  Repository repository = Repository::create(scratch.directory(), "repository", Algorithm::sha256);
};

}  // namespace

TEST_CASE("what is kept and what is taken stands in the new directory") {
  const Fixture fixture;
  const std::string large(5000, 'x');
  fixture.live("own", large);
  fixture.live("host.conf", "old");
  fixture.write(fixture.merge("host.conf=old", "host.conf=new d/ d/f=1 l->../x"));
  CHECK(fixture.content("own") == large);
  CHECK(fixture.content("host.conf") == "new");
  CHECK(fixture.content("d/f") == "1");
  CHECK(S_ISLNK(fixture.info("l").st_mode));
}

TEST_CASE("I4_a_password_file_keeps_mode_and_owner") {
  const Fixture fixture;
  fixture.live("shadow", "root:secret", 0000);
  fixture.live("sudoers", "x", 0440);
  if (::geteuid() == 0) REQUIRE(::fchownat(fixture.here.get(), "shadow", 7, 42, 0) == 0);
  fixture.write(fixture.merge("shadow=root:@1", "shadow=root:@1"));
  const struct stat shadow = fixture.info("shadow");
  CHECK((shadow.st_mode & 07777U) == 0);
  CHECK((fixture.info("sudoers").st_mode & 07777U) == 0440);
  if (::geteuid() == 0) {
    CHECK(shadow.st_uid == 7);
    CHECK(shadow.st_gid == 42);
    CHECK(fixture.content("shadow") == "root:secret");
  }
}

TEST_CASE("I4_links_here_lead_nowhere") {
  const Fixture fixture;
  REQUIRE(::symlinkat("..", fixture.here.get(), "d") == 0);
  REQUIRE(::symlinkat("../canary", fixture.here.get(), "f") == 0);
  fixture.write(fixture.merge("d/ d/canary=1 f=1", "d/ d/canary=2 d/other=2 f=2"));
  CHECK(S_ISLNK(fixture.info("d").st_mode));
  CHECK(S_ISLNK(fixture.info("f").st_mode));
  CHECK(read_file(fixture.scratch.directory(), "canary") == Bytes{'u', 'n', 't', 'o', 'u', 'c', 'h', 'e', 'd'});
  CHECK_FALSE(try_open_at(fixture.scratch.directory(), "other", O_PATH));
}

TEST_CASE("I4_a_hard_link_to_the_password_file_opens_it_to_nobody") {
  const Fixture fixture;
  fixture.live("shadow", "root:secret", 0000);
  REQUIRE(::linkat(fixture.here.get(), "shadow", fixture.here.get(), "public", 0) == 0);
  fixture.write(fixture.merge("", ""));
  CHECK((fixture.info("public").st_mode & 07777U) == 0);
  CHECK(fixture.info("public").st_ino != fixture.info("shadow").st_ino);
}

TEST_CASE("I4_labels_and_times_are_kept") {
  const Fixture fixture;
  fixture.live("f", "1");
  const Fd file = open_at(fixture.here, "f", O_RDWR);
  const bool has_xattrs = ::fsetxattr(file.get(), "user.label", "x", 1, 0) == 0;
  const timespec times[2] = {{5, 6}, {7, 8}};
  REQUIRE(::futimens(file.get(), times) == 0);
  fixture.write(fixture.merge("", ""));
  CHECK(fixture.info("f").st_mtim.tv_sec == 7);
  CHECK(fixture.info("f").st_mtim.tv_nsec == 8);
  char value = 0;
  const Fd copy = open_at(fixture.next, "f", O_RDONLY);
  if (has_xattrs) CHECK(::fgetxattr(copy.get(), "user.label", &value, 1) == 1);
}

TEST_CASE("a whiteout of an overlay is written as overlayfs has it") {
  if (::geteuid() != 0) return;
  const Fixture fixture;
  const EtcMerge merge = fixture.merge("gone=1", "gone=1");
  const Tree lower = tree_of("gone=1");
  fixture.write(overlay_upper(merge, {lower, root_node}));
  CHECK(S_ISCHR(fixture.info("gone").st_mode));
  CHECK(fixture.info("gone").st_rdev == 0);
}

TEST_CASE("a file that changes between look and copy is told of") {
  for (const std::string& later : std::vector<std::string>{"changed!", "y", std::string(5000, 'z')}) {
    const Fixture fixture;
    fixture.live("f", std::string(5000, 'x'));
    const EtcMerge merge = fixture.merge("", "");
    write_all_at(open_at(fixture.here, "f", O_RDWR | O_TRUNC), as_bytes(later), 0);
    CHECK_THROWS_WITH(fixture.write(merge), has_text("'f': "));
  }
}

TEST_CASE("a file that became a link between look and copy is not followed") {
  const Fixture fixture;
  fixture.live("f", "untouched");
  const EtcMerge merge = fixture.merge("", "");
  REQUIRE(::unlinkat(fixture.here.get(), "f", 0) == 0);
  REQUIRE(::symlinkat("../canary", fixture.here.get(), "f") == 0);
  CHECK_THROWS_AS(fixture.write(merge), Error);
}
