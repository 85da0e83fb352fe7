// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/gc.hpp"

#include <sys/file.h>

#include <fstream>

#include "builder/image/image.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/fsck.hpp"
#include "store/temporary_name.hpp"
#include "tests/catch.hpp"
#include "tests/scratch.hpp"
#include "tests/unit/verity/pattern.hpp"

using namespace sealroot;

namespace {

/// Two images that share an object, one of them with a ref; and an object nobody needs.
struct Sample {
  Scratch scratch;
  std::filesystem::path path = scratch.path() / "repo";
  Repository repository = Repository::create(scratch.directory(), "repo", Algorithm::sha256);
  Digest shared = repository.objects().put(pattern(5000));
  Digest only_new = repository.objects().put(pattern(5001));
  Digest only_old = repository.objects().put(pattern(5002));
  Digest unused = repository.objects().put(pattern(5003));
  Digest newer = add_image({{shared, 5000}, {only_new, 5001}});
  Digest older = add_image({{shared, 5000}, {only_old, 5002}});

  Sample() { repository.set_image_ref("os/2", newer); }

  struct File {
    Digest digest;
    std::uint64_t size_bytes;
  };

  Digest add_image(const std::vector<File>& files) const {
    Tree tree;
    tree[root_node].content = Directory{};
    tree[root_node].metadata.permissions = 0755;
    for (std::size_t i = 0; i < files.size(); ++i) {
      Node file;
      file.metadata.permissions = 0644;
      file.content =
          RegularFile{.size = files[i].size_bytes, .inline_content = {}, .digest = files[i].digest, .payload = {}};
      const NodeId id = tree.add(file);
      tree[root_node].directory()->children["file" + std::to_string(i)] = id;
    }
    return repository.add_image(make_image(tree, ImageFormat::v1));
  }

  bool has(const Digest& digest) const { return repository.objects().contains(digest); }
  GcReport gc(const GcOptions& options = {}) const { return collect_garbage(repository, options); }
  std::size_t file_count() const {
    const auto all = std::filesystem::recursive_directory_iterator(path);
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
  }
};

}  // namespace

TEST_CASE("gc keeps what refs reach and removes the rest") {
  const Sample sample;
  const GcReport report = sample.gc();
  CHECK(report.root_count == 1);
  CHECK(report.kept_objects == 3);
  CHECK(report.removed_objects == 3);
  CHECK(report.removed_names == std::vector<std::string>{"images/" + to_hex(sample.older)});
  for (const Digest& digest : {sample.shared, sample.only_new, sample.newer}) CHECK(sample.has(digest));
  for (const Digest& digest : {sample.only_old, sample.older, sample.unused}) CHECK_FALSE(sample.has(digest));
  CHECK(check_repository(sample.repository).damages.empty());
  CHECK(sample.gc().removed_objects == 0);
}

TEST_CASE("fsck misses the object that an image needs, and a repair brings it back") {
  const Sample sample;
  const Sample other;
  std::filesystem::remove(sample.path / "objects" / object_path(sample.only_new));
  const FsckReport report = check_repository(sample.repository);
  REQUIRE(report.damages.size() == 1);
  CHECK(report.damages[0].path == "images/" + to_hex(sample.newer));
  CHECK(report.damages[0].reason == "needs object objects/" + object_path(sample.only_new) + ", which is missing");
  const std::vector<Digest> lost = lost_objects(report);
  CHECK(restore_objects(sample.repository, lost, contents_of(other.repository, lost)) == 1);
  CHECK(check_repository(sample.repository).damages.empty());
}

TEST_CASE("fsck tells of a file that has another size than its object") {
  const Sample sample;
  const Digest image = sample.add_image({{sample.shared, 4999}});
  const FsckReport report = check_repository(sample.repository);
  REQUIRE(report.damages.size() == 1);
  CHECK(report.damages[0].path == "images/" + to_hex(image));
  CHECK_THAT(report.damages[0].reason,
             has_text("has a file of 4999 bytes in object objects/") && has_text("which has 5000"));
}

TEST_CASE("a dry run tells the same and changes nothing") {
  const Sample sample;
  const std::size_t before = sample.file_count();
  const GcReport dry = sample.gc({.roots = {}, .keep = {}, .dry_run = true});
  CHECK(sample.file_count() == before);
  const GcReport real = sample.gc();
  CHECK(dry.removed_objects == real.removed_objects);
  CHECK(dry.removed_bytes == real.removed_bytes);
  CHECK(dry.removed_names == real.removed_names);
}

TEST_CASE("more roots are given by name or digest") {
  SECTION("the name of an image") {
    const Sample sample;
    CHECK(sample.gc({.roots = {to_hex(sample.older)}, .keep = {}}).removed_objects == 1);
    CHECK(sample.has(sample.only_old));
  }
  SECTION("the digest of an image") {
    const Sample sample;
    CHECK(sample.gc({.roots = {}, .keep = {sample.older}}).removed_objects == 1);
    CHECK(sample.has(sample.only_old));
  }
  SECTION("the digest of a single object") {
    const Sample sample;
    CHECK(sample.gc({.roots = {}, .keep = {sample.unused}}).removed_objects == 2);
    CHECK(sample.has(sample.unused));
  }
  SECTION("one that is not there") {
    const Sample sample;
    CHECK_THROWS_WITH(sample.gc({.roots = {"none"}, .keep = {}}),
                      has_text("nothing deleted: there is no image or stream 'none'"));
    CHECK(sample.has(sample.unused));
  }
}

TEST_CASE("O7_planted_refs_make_gc_delete_nothing") {
  const Sample sample;
  const std::filesystem::path refs = sample.path / "images/refs";
  SECTION("dangling") { std::filesystem::create_symlink("../none", refs / "x"); }
  SECTION("loop") { std::filesystem::create_symlink("x", refs / "x"); }
  SECTION("out of the repository") { std::filesystem::create_symlink("../../../x", refs / "x"); }
  SECTION("absolute") { std::filesystem::create_symlink(sample.path / "images" / to_hex(sample.older), refs / "x"); }
  SECTION("to the refs themselves") { std::filesystem::create_symlink("../refs", refs / "x"); }
  SECTION("regular file") { std::ofstream(refs / "x") << "x"; }
  SECTION("stream that is an image") {
    std::filesystem::create_symlink("../objects/" + object_path(sample.newer), sample.path / "streams/s");
    std::filesystem::create_symlink("../s", sample.path / "streams/refs/x");
  }
  SECTION("image that is none") {
    std::filesystem::create_symlink("../objects/" + object_path(sample.unused),
                                    sample.path / "images" / to_hex(sample.unused));
    std::filesystem::create_symlink("../" + to_hex(sample.unused), refs / "x");
  }
  SECTION("missing image object") {
    sample.repository.set_image_ref("x", sample.older);
    std::filesystem::remove(sample.path / "objects" / object_path(sample.older));
  }
  SECTION("damaged image object") {
    std::fstream file(sample.path / "objects" / object_path(sample.newer),
                      std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(2000);
    file.put('x');
  }
  const std::size_t before = sample.file_count();
  CHECK_THROWS_WITH(sample.gc(), has_text("gc: root unreadable, nothing deleted: "));
  CHECK_THROWS_WITH(sample.gc({.roots = {}, .keep = {}, .dry_run = true}), has_text("nothing deleted"));
  CHECK(sample.file_count() == before);
}

TEST_CASE("O7_refs_with_a_newline_and_many_refs_are_refs") {
  const Sample sample;
  std::filesystem::create_symlink("../" + to_hex(sample.older), sample.path / "images/refs/two\nlines");
  for (int i = 0; i < 2000; ++i) {
    std::filesystem::create_symlink("../" + to_hex(sample.newer), sample.path / "images/refs" / std::to_string(i));
  }
  const GcReport report = sample.gc();
  CHECK(report.root_count == 2002);
  CHECK(report.removed_objects == 1);
}

TEST_CASE("gc removes temporary files, and never an object or ref that only looks like one") {
  const Sample sample;
  const std::filesystem::path temporary = sample.path / "objects" / temporary_name();
  std::ofstream(temporary) << "half";
  sample.repository.set_image_ref(".new-os", sample.older);
  CHECK(sample.gc().leftovers.size() == 1);
  CHECK_FALSE(std::filesystem::exists(temporary));
  CHECK(sample.has(sample.only_old));
}

TEST_CASE("P6_gc_gives_way_to_whoever_has_the_repository_open") {
  const Sample sample;
  const std::size_t before = sample.file_count();
  {
    const Repository other = Repository::open(sample.scratch.directory(), "repo");
    try {
      sample.gc();
      FAIL("gc ran beside another program");
    } catch (const Error& error) {
      CHECK(error.fault() == Fault::busy);
      CHECK(exit_status(error.fault()) == 75);
    }
  }
  CHECK(sample.file_count() == before);
  CHECK(sample.gc().removed_objects == 3);
}
