// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Writes that stop half way: killed, over a size limit, on a full file system. Whatever has an object's name must be
// that object, and the same work done again must succeed.
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <thread>

#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/ingest.hpp"
#include "store/repository.hpp"
#include "tests/catch.hpp"
#include "tests/scratch.hpp"
#include "tests/unit/verity/pattern.hpp"

using namespace sealroot;

namespace {

/// 400 small contents and three large ones, 8 MiB in all, each different.
void ingest_some(const ObjectStore& store, unsigned threads) {
  Ingest ingest(&store, store.algorithm(), threads);
  for (std::size_t i = 0; i < 403; ++i) {
    const std::size_t size_bytes = i % 150 == 100 ? 2000000 + i : 5000 + i;
    Bytes data = pattern(size_bytes);
    ingest.begin(size_bytes);
    ingest.write(data);
    ingest.end();
  }
  ingest.finish();
}

/// How many objects there are. Throws unless each reads back and nothing else is there but temporary files.
std::size_t count_intact(const std::filesystem::path& directory) {
  const ObjectStore store(open_at(working_directory(), directory, O_RDONLY | O_DIRECTORY), Algorithm::sha256,
                          ObjectStore::Access::read_only);
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file() || entry.path().filename().string().starts_with(".new-")) continue;
    const std::string path = std::filesystem::relative(entry.path(), directory).string();
    const std::optional<Digest> digest = try_parse_object_path(path);
    if (!digest) throw Error(Fault::malformed, path + " is no object");
    store.read(*digest);
    ++count;
  }
  return count;
}

/// Runs `action` in a child. Its exit status: 0, 1 after printing an Error to `log`, or -signal.
int run_in_child(const std::filesystem::path& log, const std::function<void()>& action) {
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      action();
      ::_exit(0);
    } catch (const Error& error) {
      std::ofstream(log) << error.what();
      ::_exit(1);
    }
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

ObjectStore store_at(const std::filesystem::path& directory) {
  return {open_at(working_directory(), directory, O_RDONLY | O_DIRECTORY), Algorithm::sha256};
}

}  // namespace

TEST_CASE("P1_after a kill at any moment only whole objects are there and a rerun completes") {
  for (const bool unnamed_files : {true, false}) {
    const Scratch scratch;
    for (int delay_ms = 0; delay_ms < 40; delay_ms += 4) {
      const pid_t child = ::fork();
      if (child == 0) {
        const ObjectStore store = store_at(scratch.path());
        if (!unnamed_files) store.forgo_unnamed_files();
        ingest_some(store, 2);
        ::_exit(0);
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(delay_ms));
      ::kill(child, SIGKILL);
      ::waitpid(child, nullptr, 0);
      REQUIRE_NOTHROW(count_intact(scratch.path()));
    }
    ingest_some(store_at(scratch.path()), 2);
    CHECK(count_intact(scratch.path()) == 403);
  }
}

TEST_CASE("P4_a write over the file size limit is an error and leaves no object of that name") {
  for (const unsigned threads : {1U, 2U}) {
    const Scratch scratch;
    std::filesystem::create_directory(scratch.path() / "objects");
    const int status = run_in_child(scratch.path() / "log", [&] {
      ::signal(SIGXFSZ, SIG_IGN);
      const rlimit limit{1000000, 1000000};
      ::setrlimit(RLIMIT_FSIZE, &limit);
      ingest_some(store_at(scratch.path() / "objects"), threads);
    });
    CHECK(status == 1);
    CHECK_THAT(std::string(as_text(read_file(scratch.directory(), "log"))), has_text("File too large"));
    REQUIRE_NOTHROW(count_intact(scratch.path() / "objects"));
    ingest_some(store_at(scratch.path() / "objects"), threads);
    CHECK(count_intact(scratch.path() / "objects") == 403);
  }
}

TEST_CASE("P4_a full file system is an error that names an object, and space makes the rerun succeed") {
  const Scratch scratch;
  const std::filesystem::path full = scratch.path() / "full";
  std::filesystem::create_directory(full);
  // A mount of its own, in a user namespace where we are not root; it goes with the child.
  const int status = run_in_child(scratch.path() / "log", [&] {
    if (::unshare(::geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS) < 0 ||
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0 ||
        ::mount("tmpfs", full.c_str(), "tmpfs", 0, "size=4m") < 0) {
      ::_exit(77);
    }
    const auto fails = [&](unsigned threads) {
      try {
        ingest_some(store_at(full), threads);
        return false;
      } catch (const Error& error) {
        const std::string text = error.what();
        return error.fault() == Fault::os && text.ends_with("No space left on device") &&
               text.find("object") != std::string::npos;
      }
    };
    if (!fails(1) || !fails(3)) ::_exit(2);
    count_intact(full);  // an Error makes it status 1
    if (::mount("tmpfs", full.c_str(), "tmpfs", MS_REMOUNT, "size=64m") < 0) ::_exit(3);
    ingest_some(store_at(full), 2);
    if (count_intact(full) != 403) ::_exit(4);
  });
  if (status == 77) {
    WARN("can't mount a tmpfs: skipped");
    return;
  }
  CHECK(status == 0);
}

TEST_CASE("an image whose object can't be written gets no name") {
  const Scratch scratch;
  Repository::create(scratch.directory(), "repo", Algorithm::sha256);
  const int status = run_in_child(scratch.path() / "log", [&] {
    const Repository repository = Repository::open(scratch.directory(), "repo");
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1000, 1000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    repository.add_image(pattern(20000));
  });
  CHECK(status == 1);
  for (const auto& entry : std::filesystem::directory_iterator(scratch.path() / "repo/images")) {
    CHECK(entry.path().filename() == "refs");
  }
}
