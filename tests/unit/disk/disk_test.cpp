// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/disk/disk.hpp"

#include <grp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "store/core/error.hpp"
#include "tests/catch.hpp"
#include "tests/unit/disk/fixture.hpp"

using namespace sealroot;

namespace {

const Fixture& fixture() {
  static const Fixture made;
  return made;
}

bool same(const std::string& one, const std::string& other) {
  return run("cmp " + fixture().path(one) + " " + fixture().path(other)).status == 0;
}

/// Runs `action` in a child process, which may give up what this one can't; true if it got through.
template <typename Action>
bool in_child(Action action) {
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      action();
    } catch (const std::exception& error) {
      static_cast<void>(std::fprintf(stderr, "%s\n", error.what()));
      ::_exit(1);
    }
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status == 0;
}

}  // namespace

TEST_CASE("disk passes the checks of tools that are not ours") {
  const DiskLayout layout = fixture().write("checked", fixture().spec());
  const std::string disk = fixture().path("checked");
  for (const std::string& command : {"sfdisk --verify " + disk, "sgdisk -v " + disk + " | grep 'No problems found'",
                                     "e2fsck -fn " + root_of(disk, layout)}) {
    const Output output = run(command);
    INFO(command << "\n" << output.text);
    CHECK(output.status == 0);
  }
  const Output table = run("sfdisk -d " + disk);
  INFO(table.text);
  CHECK(table.text.find("type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B") != std::string::npos);
  CHECK(table.text.find("type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709") != std::string::npos);
  CHECK(table.text.find("start=        2048") != std::string::npos);
}

TEST_CASE("disk is the same whatever the number of threads") {
  DiskSpec spec = fixture().spec();
  spec.threads = 1;
  fixture().write("one-thread", spec);
  spec.threads = 7;
  fixture().write("seven-threads", spec);
  CHECK(same("one-thread", "seven-threads"));
}

TEST_CASE("disk is the same at another time, in another place and environment") {
  fixture().write("here", fixture().spec());
  ::sleep(2);  // FAT counts in steps of two seconds
  CHECK(in_child([] {
    ::umask(0077);
    for (const char* name : {"SOURCE_DATE_EPOCH", "E2FSPROGS_FAKE_TIME"}) ::setenv(name, "1234567890", 1);
    for (const char* name : {"TZ", "LC_ALL"}) ::setenv(name, "Asia/Kathmandu", 1);
    for (const char* name : {"MKE2FS_CONFIG", "MTOOLSRC"}) ::setenv(name, "/etc/passwd", 1);
    ::setenv("MTOOLS_LOWER_CASE", "1", 1);
    fixture().write("there", fixture().spec());
  }));
  CHECK(same("here", "there"));
}

TEST_CASE("disk is the same when the file held something before") {
  fixture().write("new", fixture().spec());
  write_new_file(fixture().scratch.directory(), "used", made_up(90U << 20U, 77), 0644);
  write_disk(fixture().spec(), open_at(fixture().scratch.directory(), "used", O_RDWR));
  CHECK(same("new", "used"));
}

TEST_CASE("disk is the same when an ordinary user without any privilege builds it") {
  const DiskSpec spec = fixture().spec();
  fixture().write("mine", spec);
  CHECK(in_child([&] {
    if (::geteuid() == 0 && (::setgroups(0, nullptr) != 0 || ::setgid(65534) != 0 || ::setuid(65534) != 0)) ::_exit(2);
    ::setenv("PATH", "/usr/bin:/bin", 1);  // mkfs.fat is not there
    fixture().write("theirs", spec);
  }));
  CHECK(same("mine", "theirs"));
}

TEST_CASE("disk of a timestamp before 1980 and of none can be made") {
  for (const std::int64_t timestamp : {0, 86400}) {
    DiskSpec spec = fixture().spec();
    spec.timestamp = timestamp;
    const std::string name = "at-" + std::to_string(timestamp);
    const DiskLayout layout = fixture().write(name, spec);
    CHECK(run("e2fsck -fn " + root_of(fixture().path(name), layout)).status == 0);
  }
}

TEST_CASE("disk has the size that was asked for") {
  DiskSpec spec = fixture().spec();
  spec.size_bytes = (5ULL << 30) + 12345;
  const DiskLayout layout = fixture().write("large", spec);
  CHECK(layout.size_bytes == 5ULL << 30);
  const Output checked = run("e2fsck -fn " + root_of(fixture().path("large"), layout));
  INFO(checked.text);
  CHECK(checked.status == 0);
  CHECK(run("test $(du -m " + fixture().path("large") + " | cut -f1) -lt 100").status == 0);  // sparse
}

TEST_CASE("disk that is too small says how much is needed, and that much is enough") {
  DiskSpec spec = fixture().spec();
  spec.size_bytes = 70U << 20U;
  spec.size_bytes = fixture().size_needed("small", spec);
  const DiskLayout layout = fixture().write("enough", spec);
  CHECK(layout.size_bytes == spec.size_bytes);
  CHECK(run("e2fsck -fn " + root_of(fixture().path("enough"), layout)).status == 0);
}

TEST_CASE("disk that can't be written is one clear error") {
  CHECK(in_child([] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1U << 20U, 1U << 20U};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    try {
      fixture().write("limited", fixture().spec());
      ::_exit(1);
    } catch (const Error& error) {
      const bool says_so = std::string(error.what()).find("File too large") != std::string::npos;
      ::_exit(error.fault() == Fault::os && says_so ? 0 : 2);
    }
  }));
}
