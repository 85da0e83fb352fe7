// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/fsck.hpp"

#include <sys/stat.h>

#include <fstream>

#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/temporary_name.hpp"
#include "tests/catch.hpp"
#include "tests/scratch.hpp"
#include "tests/unit/verity/pattern.hpp"

using namespace sealroot;

namespace {

/// A repository with objects of many sizes, one of which is an image with a ref.
struct Sample {
  Scratch scratch;
  Repository repository;
  std::filesystem::path path;
  Digest large;
  Digest image;

  explicit Sample(Algorithm algorithm = Algorithm::sha512)
      : repository(Repository::create(scratch.directory(), "repo", algorithm)),
        path(scratch.path() / "repo"),
        large(repository.objects().put(pattern(3000000))),
        image(repository.add_image(pattern(20000))) {
    for (const std::size_t size_bytes : {0UL, 1UL, 4096UL, 4097UL}) repository.objects().put(pattern(size_bytes));
    repository.set_image_ref("os/1", image);
  }

  std::filesystem::path object(const Digest& digest) const { return path / "objects" / object_path(digest); }
};

void flip_bit(const std::filesystem::path& path, std::streamoff offset) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(offset);
  const int byte = file.get();
  file.seekp(offset);
  file.put(static_cast<char>(byte ^ 1));
}

std::string damages_text(const FsckReport& report) {
  std::string text;
  for (const Damage& damage : report.damages) text += damage.path + ": " + damage.reason + "\n";
  return text;
}

}  // namespace

TEST_CASE("fsck finds no fault with a repository of ours") {
  for (const Algorithm algorithm : {Algorithm::sha256, Algorithm::sha512}) {
    const Sample sample(algorithm);
    for (const unsigned threads : {0U, 1U, 7U}) {
      const FsckReport report = check_repository(sample.repository, threads);
      CHECK(damages_text(report).empty());
      CHECK(report.object_count == 6);
      CHECK(report.object_bytes == 3000000 + 20000 + 1 + 4096 + 4097);
      CHECK(report.image_count == 1);
      CHECK(report.ref_count == 1);
      CHECK(report.leftovers.empty());
    }
  }
}

TEST_CASE("fsck names the object with one flipped bit, wherever it is") {
  const Sample sample;
  for (const std::streamoff offset : {0L, 4095L, 1048576L, 2999999L}) {
    flip_bit(sample.object(sample.large), offset);
    const FsckReport report = check_repository(sample.repository);
    REQUIRE(report.damages.size() == 1);
    CHECK(report.damages[0].path == "objects/" + object_path(sample.large));
    CHECK_THAT(report.damages[0].reason, has_text("its 3000000 bytes give another digest"));
    CHECK(report.damages[0].object == sample.large);
    flip_bit(sample.object(sample.large), offset);
  }
  CHECK(check_repository(sample.repository).damages.empty());
}

TEST_CASE("fsck tells every kind of damage from the others") {
  const Sample sample;
  const std::string hex = to_hex(sample.image);
  std::filesystem::resize_file(sample.object(sample.large), 2999999);
  std::filesystem::remove(sample.object(sample.image));
  std::filesystem::create_directories(sample.path / "objects/zz");
  std::ofstream(sample.path / "objects" / object_path(sample.large).substr(0, 2) / "readme") << "x";
  std::filesystem::create_symlink("../objects/" + object_path(sample.large), sample.path / "images/latest");
  std::filesystem::create_symlink("/etc/passwd", sample.path / "streams/evil");
  std::filesystem::create_symlink("../../../../etc/passwd", sample.path / "images/refs/out");
  std::filesystem::create_symlink("../none", sample.path / "images/refs/none");
  std::filesystem::create_symlink("loop", sample.path / "images/refs/loop");
  std::filesystem::create_symlink("../" + hex, sample.path / "images/refs/two\nlines");
  const std::string text = damages_text(check_repository(sample.repository));
  CHECK_THAT(text, has_text("objects/" + object_path(sample.large) + ": its 2999999 bytes give another digest"));
  CHECK_THAT(text, has_text("images/" + hex + ": object objects/" + object_path(sample.image) + " is missing"));
  CHECK_THAT(text, has_text("objects/zz: not a folder of objects"));
  CHECK_THAT(text, has_text("/readme: not the name of an object"));
  CHECK_THAT(text, has_text("images/latest: points to an object of another digest"));
  CHECK_THAT(text, has_text("streams/evil: points to '/etc/passwd', which is no object of this repository"));
  CHECK_THAT(text, has_text("images/refs/out: points to '../../../../etc/passwd', which is no name in images"));
  CHECK_THAT(text, has_text("images/refs/none: points to 'images/none', which is not there"));
  CHECK_THAT(text, has_text("images/refs/loop: points to 'loop', which is no name in images"));
  CHECK(text.find("two") == std::string::npos);
}

TEST_CASE("fsck is not held up or led away by what stands in an object's place") {
  const Sample sample;
  const std::filesystem::path object = sample.object(sample.large);
  std::filesystem::rename(object, sample.path / "elsewhere");
  SECTION("symlink to the right bytes") {
    std::filesystem::create_symlink(sample.path / "elsewhere", object);
    CHECK_THAT(damages_text(check_repository(sample.repository)), has_text("symbolic link"));
  }
  SECTION("fifo") {
    REQUIRE(::mkfifo(object.c_str(), 0644) == 0);
    CHECK_THAT(damages_text(check_repository(sample.repository)), has_text("not a regular file"));
  }
  SECTION("directory") {
    std::filesystem::create_directory(object);
    CHECK_THAT(damages_text(check_repository(sample.repository)), has_text("not a regular file"));
  }
}

TEST_CASE("temporary files are reported, but are no damage") {
  const Sample sample;
  std::filesystem::create_directories(sample.path / "objects/00");
  const std::string name = temporary_name();
  std::ofstream(sample.path / "objects/00" / name) << "half";
  std::filesystem::create_symlink("x", sample.path / "images" / name);
  const FsckReport report = check_repository(sample.repository);
  CHECK(report.damages.empty());
  CHECK(report.leftovers == std::vector<std::string>{"images/" + name, "objects/00/" + name});
}

TEST_CASE("objects are restored from another repository, and only from right bytes") {
  const Sample sample;
  const Sample other;
  flip_bit(sample.object(sample.large), 5);
  std::filesystem::remove(sample.object(sample.image));
  const std::vector<Digest> lost = lost_objects(check_repository(sample.repository));
  REQUIRE(lost.size() == 2);

  flip_bit(other.object(other.large), 7);
  CHECK(restore_objects(sample.repository, lost, contents_of(other.repository, lost)) == 1);
  const FsckReport after = check_repository(sample.repository);
  REQUIRE(after.damages.size() == 1);
  CHECK(after.damages[0].object == sample.large);
  CHECK(after.leftovers.empty());

  flip_bit(other.object(other.large), 7);
  CHECK(restore_objects(sample.repository, lost_objects(after), contents_of(other.repository, {sample.large})) == 1);
  CHECK(damages_text(check_repository(sample.repository)).empty());
}

TEST_CASE("a source that fails leaves the damaged objects where they were") {
  const Sample sample;
  flip_bit(sample.object(sample.large), 5);
  const std::vector<Digest> lost{sample.large};
  const auto fails = [](Ingest&) { throw Error(Fault::malformed, "no such source"); };
  CHECK_THROWS_WITH(restore_objects(sample.repository, lost, fails), "no such source");
  const FsckReport report = check_repository(sample.repository);
  CHECK(report.damages.size() == 1);
  CHECK(report.leftovers.empty());
  CHECK(std::filesystem::file_size(sample.object(sample.large)) == 3000000);
}
