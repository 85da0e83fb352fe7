// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/repository.hpp"

#include <sys/file.h>
#include <sys/stat.h>

#include <cstdlib>
#include <set>

#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/temporary_name.hpp"
#include "tests/catch.hpp"
#include "tests/scratch.hpp"
#include "tests/unit/verity/pattern.hpp"

using namespace sealroot;

namespace {

std::string link_target(const std::filesystem::path& path) { return std::filesystem::read_symlink(path).string(); }

}  // namespace

TEST_CASE("a new repository has the layout and meta.json of composefs-rs") {
  const Scratch scratch;
  const mode_t before = ::umask(0077);
  const Repository repository = Repository::create(scratch.directory(), "repo", Algorithm::sha512);
  ::umask(before);
  for (const char* part : {"objects", "images/refs", "streams/refs"}) {
    CHECK(std::filesystem::is_directory(scratch.path() / "repo" / part));
  }
  struct stat info {};
  REQUIRE(::stat((scratch.path() / "repo").c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0700);
  REQUIRE(::stat((scratch.path() / "repo/objects").c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0755);
  CHECK(as_text(read_file(repository.directory(), "meta.json")) == R"({
  "version": 1,
  "algorithm": "fsverity-sha512-12",
  "features": {
    "compatible": [],
    "read-only-compatible": [
      "v1_erofs"
    ],
    "incompatible": []
  },
  "erofs_formats": {
    "default": 1
  }
}
)");
}

TEST_CASE("a repository is not made where something is") {
  const Scratch scratch;
  const auto refused = [&](const std::string& why) {
    CHECK_THROWS_WITH(Repository::create(scratch.directory(), "repo", Algorithm::sha256),
                      "creating repository 'repo': there is '" + why + "' already");
    CHECK_FALSE(std::filesystem::exists(scratch.path() / "repo/meta.json"));
    std::filesystem::remove_all(scratch.path() / "repo");
  };
  std::filesystem::create_directories(scratch.path() / "repo/precious");
  refused("precious");
  std::filesystem::create_directories(scratch.path() / "repo/objects/ab");
  refused("objects/ab");
  std::filesystem::create_directories(scratch.path() / "repo");
  std::filesystem::create_directory_symlink("/tmp", scratch.path() / "repo/images");
  refused("images");
  Repository::create(scratch.directory(), "repo", Algorithm::sha256);
  CHECK_THROWS_WITH(Repository::create(scratch.directory(), "repo", Algorithm::sha256),
                    has_text("there is 'meta.json' already"));
}

TEST_CASE("P1_a repository whose making was interrupted is completed") {
  const Scratch scratch;
  std::filesystem::create_directories(scratch.path() / "repo/images/refs");
  write_new_file(scratch.directory(), "repo/" + temporary_name(), as_bytes("{"));
  Repository::create(scratch.directory(), "repo", Algorithm::sha256);
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(scratch.path() / "repo")) {
    names.insert(entry.path().filename().string());
  }
  CHECK(names == std::set<std::string>{"images", "meta.json", "objects", "streams"});
}

TEST_CASE("the algorithm is read from meta.json") {
  const Scratch scratch;
  for (const Algorithm algorithm : {Algorithm::sha256, Algorithm::sha512}) {
    const std::string name(algorithm_name(algorithm));
    Repository::create(scratch.directory(), name, algorithm);
    CHECK(Repository::open(scratch.directory(), name).objects().algorithm() == algorithm);
  }
}

TEST_CASE("the lock is held shared while a repository is open") {
  const Scratch scratch;
  const Fd other = [&] {
    const Repository repository = Repository::create(scratch.directory(), "repo", Algorithm::sha256);
    Fd second = open_at(scratch.directory(), "repo", O_RDONLY | O_DIRECTORY);
    CHECK(::flock(second.get(), LOCK_EX | LOCK_NB) < 0);
    CHECK(::flock(second.get(), LOCK_SH | LOCK_NB) == 0);
    return second;
  }();
  CHECK(::flock(other.get(), LOCK_EX | LOCK_NB) == 0);
}

TEST_CASE("an image is an object with a name, and refs point at the name") {
  const Scratch scratch;
  const Repository repository = Repository::create(scratch.directory(), "repo", Algorithm::sha256);
  const Digest image = repository.add_image(pattern(20000));
  const std::filesystem::path images = scratch.path() / "repo/images";
  CHECK(link_target(images / to_hex(image)) == "../objects/" + object_path(image));
  CHECK(std::filesystem::file_size(images / to_hex(image)) == 20000);
  CHECK(repository.add_image(pattern(20000)) == image);

  repository.set_image_ref("latest", image);
  CHECK(link_target(images / "refs/latest") == "../" + to_hex(image));
  repository.set_image_ref("os/debian/12", image);
  CHECK(link_target(images / "refs/os/debian/12") == "../../../" + to_hex(image));
  CHECK(std::filesystem::file_size(images / "refs/os/debian/12") == 20000);

  const Digest next = repository.add_image(pattern(30000));
  repository.set_image_ref("latest", next);
  CHECK(std::filesystem::file_size(images / "refs/latest") == 30000);
}

TEST_CASE("a ref's name can't leave the repository") {
  const Scratch scratch;
  const Repository repository = Repository::create(scratch.directory(), "repo", Algorithm::sha256);
  const Digest image = repository.add_image(pattern(20000));
  using namespace std::string_literals;
  for (const std::string& name : {""s, "/x"s, "x/"s, "a//b"s, "."s, "../x"s, "a/../../x"s, "a\0b"s}) {
    INFO(name);
    CHECK_THROWS_WITH(repository.set_image_ref(name, image), has_text("not a relative path of plain names"));
  }
  std::filesystem::create_directory_symlink(scratch.path(), scratch.path() / "repo/images/refs/out");
  CHECK_THROWS_AS(repository.set_image_ref("out/x", image), Error);
  CHECK_FALSE(std::filesystem::exists(std::filesystem::symlink_status(scratch.path() / "x")));
}

TEST_CASE("a ref to an image that is not there is refused") {
  const Scratch scratch;
  const Repository repository = Repository::create(scratch.directory(), "repo", Algorithm::sha256);
  const Digest object = repository.objects().put(pattern(10));
  CHECK_THROWS_WITH(repository.set_image_ref("latest", object), has_text("there is no image " + to_hex(object)));
}

TEST_CASE("a repository with an unknown read-only feature can be read, not changed") {
  const Scratch scratch;
  const Digest digest = Repository::create(scratch.directory(), "repo", Algorithm::sha256).objects().put(pattern(10));
  std::filesystem::remove(scratch.path() / "repo/meta.json");
  write_new_file(scratch.directory(), "repo/meta.json", as_bytes(R"({"version":1,"algorithm":"fsverity-sha256-12",
                              "features":{"read-only-compatible":["v1_erofs","shiny"]}})"));
  const Repository repository = Repository::open(scratch.directory(), "repo");
  CHECK_FALSE(repository.writable());
  CHECK(repository.objects().read(digest) == pattern(10));
  CHECK_THROWS_WITH(repository.objects().put(pattern(11)), has_text("read only"));
  CHECK_THROWS_WITH(repository.add_image(pattern(12)), has_text("feature 'shiny'"));
}

TEST_CASE("a directory that is no repository is refused by name") {
  const Scratch scratch;
  std::filesystem::create_directory(scratch.path() / "repo");
  CHECK_THROWS_WITH(Repository::open(scratch.directory(), "repo"), has_text("opening repository 'repo': meta.json: "));
  CHECK_THROWS_WITH(Repository::open(scratch.directory(), "none"), has_text("no such file"));
}

TEST_CASE("cfsctl finds no fault with our repository") {
  const char* cfsctl = std::getenv("CFSCTL");
  if (cfsctl == nullptr) {
    WARN("CFSCTL does not name the program cfsctl: skipped");
    return;
  }
  for (const Algorithm algorithm : {Algorithm::sha256, Algorithm::sha512}) {
    const Scratch scratch;
    {
      const Repository repository = Repository::create(scratch.directory(), "repo", algorithm);
      for (const std::size_t size_bytes : {0UL, 1UL, 5000UL, 600000UL}) repository.objects().put(pattern(size_bytes));
      repository.sync();
    }
    const std::string command = std::string(cfsctl) + " --repo " + (scratch.path() / "repo").string() + " fsck >" +
                                (scratch.path() / "log").string() + " 2>&1";
    CHECK(std::system(command.c_str()) == 0);
    const Bytes log = read_file(scratch.directory(), "log");
    CHECK_THAT(std::string(as_text(log)), has_text("objects: 4/4 ok"));
  }
}
