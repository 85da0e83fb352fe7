// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "upgrade/esp/write_entry.hpp"

#include <sys/stat.h>

#include <array>
#include <filesystem>

#include "store/core/error.hpp"
#include "tests/catch.hpp"
#include "tests/scratch.hpp"

using namespace sealroot;

namespace {

std::vector<std::string> names_in(const Scratch& scratch) {
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(scratch.path() / "EFI/Linux")) {
    names.push_back(file.path().filename());
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace

TEST_CASE("a boot entry is written whole, for everybody to read, with nothing left beside it") {
  const Scratch scratch;
  const Bytes content(100000, 'u');
  CHECK(write_boot_entry(scratch.directory(), {"os_1_ab", EntryTries{3, 0}}, content) == "os_1_ab+3-0.efi");
  CHECK(names_in(scratch) == std::vector<std::string>{"os_1_ab+3-0.efi"});
  CHECK(read_file(scratch.directory(), "EFI/Linux/os_1_ab+3-0.efi") == content);
  struct stat info {};
  REQUIRE(::fstatat(scratch.directory().get(), "EFI/Linux/os_1_ab+3-0.efi", &info, 0) == 0);
  CHECK((info.st_mode & 0777) == 0644);
}

TEST_CASE("a name is not used twice, with whatever counter and in whatever case") {
  const Scratch scratch;
  write_boot_entry(scratch.directory(), {"os_1_ab", std::nullopt}, as_bytes("x"));
  for (const EntryName& name : {EntryName{"os_1_ab", EntryTries{3, 0}}, EntryName{"OS_1_AB", std::nullopt}}) {
    CHECK_THROWS_WITH(write_boot_entry(scratch.directory(), name, as_bytes("y")),
                      has_text("'os_1_ab.efi' is there already"));
  }
  CHECK(names_in(scratch) == std::vector<std::string>{"os_1_ab.efi"});
}

TEST_CASE("without room nothing is written") {
  const Scratch scratch;
  const std::uint64_t free = free_space(scratch.directory());
  CHECK(space_for_entry(scratch.directory(), 1) >= 512);
  struct Huge {
    const std::uint8_t byte = 0;
  } huge;
  const ByteView content(&huge.byte, free + 1);  // never read: the check comes first
  CHECK_THROWS_WITH(write_boot_entry(scratch.directory(), {"os_1_ab", std::nullopt}, content),
                    has_text("bytes are needed, ") && has_text("make room on the ESP"));
  CHECK(!std::filesystem::exists(scratch.path() / "EFI"));
}

TEST_CASE("a counter is changed by a copy, and an entry that was renamed meanwhile is told") {
  const Scratch scratch;
  write_boot_entry(scratch.directory(), {"os_1_ab", std::nullopt}, as_bytes("x"));
  CHECK(rename_boot_entry(scratch.directory(), "os_1_ab.efi", {"os_1_ab", EntryTries{0, 0}}));
  CHECK(names_in(scratch) == std::vector<std::string>{"os_1_ab+0-0.efi"});
  CHECK_FALSE(rename_boot_entry(scratch.directory(), "os_1_ab.efi", {"os_1_ab", EntryTries{0, 0}}));
  remove_boot_entry(scratch.directory(), "os_1_ab+0-0.efi");
  remove_boot_entry(scratch.directory(), "os_1_ab+0-0.efi");
  CHECK(names_in(scratch).empty());
}

TEST_CASE("P2: a change of the counter that a power cut interrupted is completed") {
  const Scratch scratch;
  const Bytes content(2000, 'u');
  Bytes begun = content;
  std::fill_n(begun.begin(), 512, std::uint8_t{0});
  const std::array<Bytes, 3> copies{content, begun, {}};
  const Bytes& copy = copies.at(GENERATE(0U, 1U, 2U));
  write_boot_entry(scratch.directory(), {"os_1_ab", EntryTries{3, 0}}, content);
  write_new_file(scratch.directory(), "EFI/Linux/os_1_ab+0-0.efi", copy);
  CHECK(rename_boot_entry(scratch.directory(), "os_1_ab+3-0.efi", {"os_1_ab", EntryTries{0, 0}}));
  CHECK(names_in(scratch) == std::vector<std::string>{"os_1_ab+0-0.efi"});
  CHECK(read_file(scratch.directory(), "EFI/Linux/os_1_ab+0-0.efi") == content);
  write_new_file(scratch.directory(), "EFI/Linux/os_1_ab+1-0.efi", as_bytes("another"));
  CHECK_THROWS_WITH(rename_boot_entry(scratch.directory(), "os_1_ab+0-0.efi", {"os_1_ab", EntryTries{1, 0}}),
                    has_text("'os_1_ab+1-0.efi' is there already, with another content"));
}
