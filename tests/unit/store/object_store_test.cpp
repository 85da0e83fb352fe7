// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/object_store.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <thread>

#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/ingest.hpp"
#include "store/new_object.hpp"
#include "store/verity/kernel.hpp"
#include "store/verity/verity_hasher.hpp"
#include "tests/catch.hpp"
#include "tests/scratch.hpp"
#include "tests/unit/verity/pattern.hpp"

using namespace sealroot;

namespace {

ObjectStore store_in(const Scratch& scratch, Algorithm algorithm = Algorithm::sha256,
                     ObjectStore::Access access = ObjectStore::Access::read_write) {
  return {open_at(scratch.directory(), ".", O_RDONLY | O_DIRECTORY), algorithm, access};
}

mode_t mode_of(const std::filesystem::path& path) {
  struct stat info {};
  REQUIRE(::lstat(path.c_str(), &info) == 0);
  return info.st_mode & 07777;
}

std::size_t file_count(const std::filesystem::path& path) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) count += entry.is_regular_file();
  return count;
}

/// Puts other bytes under an object's name; a sealed file itself could not be changed.
void replace(const Scratch& scratch, const Digest& digest, const Bytes& content) {
  std::filesystem::remove(scratch.path() / object_path(digest));
  write_new_file(scratch.directory(), object_path(digest), content);
}

}  // namespace

TEST_CASE("a stored object is there under its digest and reads back") {
  for (const Algorithm algorithm : {Algorithm::sha256, Algorithm::sha512}) {
    const Scratch scratch;
    const ObjectStore store = store_in(scratch, algorithm);
    for (const std::size_t size_bytes : {0UL, 1UL, 5000UL, 600000UL}) {
      const Digest digest = store.put(pattern(size_bytes));
      CHECK(digest == measure_bytes(algorithm, pattern(size_bytes)));
      CHECK(store.contains(digest));
      CHECK(store.read(digest) == pattern(size_bytes));
      CHECK(std::filesystem::file_size(scratch.path() / object_path(digest)) == size_bytes);
    }
  }
}

TEST_CASE("modes are 0755 and 0644 under any umask") {
  const mode_t before = ::umask(0077);
  const Scratch scratch;
  const std::string path = object_path(store_in(scratch).put(pattern(10)));
  ::umask(before);
  CHECK(mode_of(scratch.path() / path) == 0644);
  CHECK(mode_of(scratch.path() / path.substr(0, 2)) == 0755);
}

TEST_CASE("an object that is there is kept") {
  const Scratch scratch;
  const ObjectStore store = store_in(scratch);
  const Digest digest = store.put(pattern(100));
  struct stat first {};
  ::stat((scratch.path() / object_path(digest)).c_str(), &first);
  store.put(pattern(100));
  NewObject again(store, ".");
  again.write_at(pattern(100), 0);
  again.publish(digest, 100);
  struct stat second {};
  ::stat((scratch.path() / object_path(digest)).c_str(), &second);
  CHECK(first.st_ino == second.st_ino);
  CHECK(file_count(scratch.path()) == 1);
}

TEST_CASE("P2_an object that a power cut left empty or cut short is written again by a rerun") {
  for (const bool unnamed_files : {true, false}) {
    const Scratch scratch;
    const ObjectStore store = store_in(scratch);
    if (!unnamed_files) store.forgo_unnamed_files();
    const Digest digest = store.put(pattern(5000));
    for (const std::size_t left : {std::size_t{0}, std::size_t{4096}, std::size_t{5001}}) {
      replace(scratch, digest, pattern(left));
      CHECK_FALSE(store.contains_intact(digest, 5000));
      CHECK_THROWS_WITH(store.read(digest), has_text("its bytes give another digest"));
      CHECK(store.put(pattern(5000)) == digest);
      CHECK(store.read(digest) == pattern(5000));
      CHECK(file_count(scratch.path()) == 1);
    }
  }
}

TEST_CASE("P2_a large object that a power cut left cut short is written again by a rerun") {
  const Scratch scratch;
  const ObjectStore store = store_in(scratch);
  const Bytes content = pattern(3000000);
  const Digest digest = store.put(content);
  replace(scratch, digest, pattern(1048576));
  Ingest ingest(&store, store.algorithm(), 2);
  ingest.begin(content.size());
  ingest.write(content);
  ingest.end();
  CHECK(ingest.finish()[0] == digest);
  CHECK(store.read(digest) == content);
  CHECK(file_count(scratch.path()) == 1);
}

TEST_CASE("what stands in an object's place is not followed and not waited for") {
  const Scratch scratch;
  const ObjectStore store = store_in(scratch);
  const Digest digest = store.put(pattern(5000));
  const std::filesystem::path path = scratch.path() / object_path(digest);
  std::filesystem::remove(path);

  SECTION("a symbolic link") {
    write_new_file(scratch.directory(), "elsewhere", pattern(5000));
    std::filesystem::create_symlink(scratch.path() / "elsewhere", path);
    CHECK_THROWS_WITH(store.open(digest), has_text("symbolic link"));
  }
  SECTION("a FIFO") {
    REQUIRE(::mkfifo(path.c_str(), 0644) == 0);
    CHECK_THROWS_WITH(store.open(digest), has_text("not a regular file"));
  }
  SECTION("a directory") {
    std::filesystem::create_directory(path);
    CHECK_THROWS_WITH(store.open(digest), has_text("not a regular file"));
  }
  CHECK_THROWS_AS(store.put(pattern(5000)), Error);
  CHECK_THROWS_AS(store.contains(digest), Error);
}

TEST_CASE("O6_a symlink that takes the place of a folder while an object is written leads nowhere") {
  for (const bool unnamed_files : {true, false}) {
    const Scratch scratch;
    const Scratch canary;
    const ObjectStore store = store_in(scratch);
    if (!unnamed_files) store.forgo_unnamed_files();
    const Bytes content = pattern(5000);
    const Digest digest = measure_bytes(Algorithm::sha256, content);
    const std::filesystem::path folder = scratch.path() / object_path(digest).substr(0, 2);
    {
      NewObject object(store, folder.filename().string());
      object.write_at(content, 0);
      std::filesystem::rename(folder, scratch.path() / "moved");
      std::filesystem::create_directory_symlink(canary.path(), folder);
      CHECK_NOTHROW(object.publish(digest, content.size()));
    }
    CHECK_THROWS_WITH(store.put(content), has_text("through a symbolic link"));
    NewObject elsewhere(store, ".");  // as large ones are written
    elsewhere.write_at(content, 0);
    CHECK_THROWS_WITH(elsewhere.publish(digest, content.size()), has_text("through a symbolic link"));
    CHECK(file_count(canary.path()) == 0);
  }
}

TEST_CASE("a flipped bit in an object is untrusted when it is read") {
  const Scratch scratch;
  const ObjectStore store = store_in(scratch);
  const Digest digest = store.put(pattern(5000));
  Bytes flipped = pattern(5000);
  flipped[4999] ^= 1;
  replace(scratch, digest, flipped);
  CHECK_THROWS_WITH(store.read(digest), has_text("its bytes give another digest"));
  if (!store.seals()) return;
  // Found by sealing it: the kernel then measures what is really there.
  CHECK_THROWS_WITH(store.put(pattern(5000)), has_text("the kernel measures another digest"));
}

TEST_CASE("O1_an object is sealed where the file system can, and can't be written to") {
  const Scratch scratch;
  const ObjectStore store = store_in(scratch, Algorithm::sha512);
  for (const bool unnamed_files : {true, false}) {
    if (!unnamed_files) store.forgo_unnamed_files();
    const Digest digest = store.put(pattern(unnamed_files ? 5000 : 6000));
    if (!store.seals()) {
      WARN("no fs-verity in the temporary directory: skipped");
      return;
    }
    CHECK(try_measure(store.open(digest)) == digest);
    CHECK(::open((scratch.path() / object_path(digest)).c_str(), O_RDWR) < 0);
    CHECK(errno == EPERM);
  }
}

TEST_CASE("an object that was not sealed yet is sealed when it is stored again") {
  const Scratch scratch;
  const ObjectStore store = store_in(scratch);
  const Digest digest = store.put(pattern(5000));
  replace(scratch, digest, pattern(5000));
  CHECK(store.put(pattern(5000)) == digest);
  CHECK(try_measure(store.open(digest)).has_value() == store.seals());
}

TEST_CASE("a missing object is named") {
  const Scratch scratch;
  const Digest digest = measure_bytes(Algorithm::sha256, pattern(3));
  const ObjectStore store = store_in(scratch);
  CHECK_FALSE(store.contains(digest));
  try {
    store.read(digest);
    FAIL("read something that is not there");
  } catch (const Error& error) {
    CHECK(error.fault() == Fault::missing);
    CHECK_THAT(error.what(), has_text(object_path(digest)));
  }
}

TEST_CASE("a read-only store takes nothing new") {
  const Scratch scratch;
  CHECK_THROWS_WITH(store_in(scratch, Algorithm::sha256, ObjectStore::Access::read_only).put(pattern(3)),
                    has_text("read only"));
  CHECK(file_count(scratch.path()) == 0);
}

TEST_CASE("without unnamed files objects are written under a temporary name that goes away") {
  const Scratch scratch;
  const ObjectStore store = store_in(scratch);
  store.forgo_unnamed_files();
  const Digest digest = store.put(pattern(9000));
  CHECK(store.read(digest) == pattern(9000));
  CHECK(file_count(scratch.path()) == 1);
  {
    NewObject given_up(store, "aa");
    given_up.write_at(pattern(10), 0);
    CHECK(file_count(scratch.path()) == 2);
  }
  CHECK(file_count(scratch.path()) == 1);
}

TEST_CASE("threads that store equal contents all succeed") {
  const Scratch scratch;
  const ObjectStore store = store_in(scratch);
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&store] {
      for (std::size_t size_bytes = 1; size_bytes < 60; ++size_bytes) store.put(pattern(size_bytes * 100));
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(file_count(scratch.path()) == 59);
}
