// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/source/directory.hpp"

#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "builder/source/source.hpp"
#include "store/core/error.hpp"
#include "tests/catch.hpp"
#include "tests/scratch.hpp"

using namespace sealroot;

namespace {

SourceResult read(const Scratch& scratch) {
  Ingest ingest(nullptr, Algorithm::sha256, 1);
  return read_source("dir:" + scratch.path().string(), {}, ingest);
}

}  // namespace

TEST_CASE("a directory of the host gives types, metadata, contents and hard links") {
  const Scratch scratch;
  const int at = scratch.directory().get();
  make_directories(scratch.directory(), "usr/bin");
  write_new_file(scratch.directory(), "usr/bin/small", as_bytes("text"));
  write_new_file(scratch.directory(), "usr/bin/big", as_bytes(std::string(300000, 'x')));
  REQUIRE(::fchmodat(at, "usr/bin/small", 04755, 0) == 0);
  const timespec times[2]{{5, 0}, {7, 123456789}};
  REQUIRE(::utimensat(at, "usr/bin/small", times, 0) == 0);
  REQUIRE(::linkat(at, "usr/bin/big", at, "usr/bin/again", 0) == 0);
  REQUIRE(::symlinkat("/nowhere/at all", at, "link") == 0);
  REQUIRE(::mkfifoat(at, "fifo", 0600) == 0);

  const Tree tree = read(scratch).tree;
  const Node& small = tree[find(tree, "usr/bin/small").value()];
  CHECK(small.regular()->inline_content == "text");
  CHECK(small.metadata.permissions == 04755);
  CHECK(small.metadata.mtime_seconds == 7);
  CHECK(small.metadata.mtime_nanoseconds == 123456789);
  CHECK(small.metadata.uid == ::getuid());
  CHECK(find(tree, "usr/bin/big") == find(tree, "usr/bin/again"));
  CHECK(tree[find(tree, "usr/bin/big").value()].regular()->size == 300000);
  CHECK(tree[find(tree, "usr/bin/big").value()].regular()->digest);
  CHECK(tree[find(tree, "link").value()].symlink()->target == "/nowhere/at all");
  CHECK(std::holds_alternative<Fifo>(tree[find(tree, "fifo").value()].content));
}

TEST_CASE("xattrs are read where the file system has them") {
  const Scratch scratch;
  write_new_file(scratch.directory(), "file", as_bytes("x"));
  if (::setxattr((scratch.path() / "file").c_str(), "user.note", "value", 5, 0) != 0) return;
  const Tree tree = read(scratch).tree;
  CHECK(tree[find(tree, "file").value()].metadata.xattrs == Xattrs{{"user.note", "value"}});
}

TEST_CASE("T2_links_in_a_directory_source_are_not_followed") {
  const Scratch outside;
  write_new_file(outside.directory(), "secret", as_bytes("secret"));
  const Scratch scratch;
  REQUIRE(::symlinkat(outside.path().c_str(), scratch.directory().get(), "dir") == 0);
  const Tree tree = read(scratch).tree;
  CHECK(tree[find(tree, "dir").value()].symlink() != nullptr);
  CHECK_FALSE(find(tree, "dir/secret"));
}

TEST_CASE("a directory source with a name of a whiteout is refused") {
  const Scratch scratch;
  write_new_file(scratch.directory(), ".wh.x", {});
  CHECK_THROWS_WITH(read(scratch), has_text("'.wh.x': has the name of a whiteout"));
}

TEST_CASE("a mount point inside a directory source is refused") {
  struct stat devices {};
  struct stat terminals {};
  const bool mounted =
      ::stat("/dev", &devices) == 0 && ::stat("/dev/pts", &terminals) == 0 && devices.st_dev != terminals.st_dev;
  if (!mounted) return;  // /dev/pts is the one mount that is nearly everywhere
  Ingest ingest(nullptr, Algorithm::sha256, 1);
  MergedTree tree;
  CHECK_THROWS_WITH(read_directory("/dev", tree, ingest, {}), has_text("is on another file system"));
}
