// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "upgrade/esp/entry_order.hpp"

#include "store/core/error.hpp"
#include "tests/catch.hpp"
#include "tests/scratch.hpp"
#include "upgrade/esp/version_order.hpp"

using namespace sealroot;

namespace {

BootEntry entry(const std::string& file_name, const std::string& image_id, const std::string& version) {
  BootEntry made{.file_name = file_name, .name = *try_parse_entry_name(file_name)};
  made.uki.image_id = image_id;
  made.uki.version = version;
  return made;
}

std::string default_of(std::vector<BootEntry> entries, const EntryChoice& choice = {}) {
  sort_as_menu(entries);
  const BootEntry* const found = find_default(entries, choice);
  return found == nullptr ? "" : found->file_name;
}

}  // namespace

TEST_CASE("versions are ordered as systemd-boot does") {
  // Each is older than the next. The first row is the example of the specification.
  const std::vector<std::vector<std::string>> rows = {{"", "122.1", "123~rc1-1", "123", "123-a", "123-a.1", "123-1",
                                                       "123-1.1", "123^post1", "123.a-1", "123.1-1", "123a-1", "124-1"},
                                                      {"1", "1.2", "1.10", "2", "10"},
                                                      {"a", "b", "1"},
                                                      {"A", "a", "aa"},
                                                      {"20260101000000", "20260102000000"},
                                                      {"99999999999999999999999998", "99999999999999999999999999"}};
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      for (std::size_t k = 0; k < row.size(); ++k) {
        INFO(row[i] << " and " << row[k]);
        CHECK((compare_versions(row[i], row[k]) == (i <=> k)));
      }
    }
  }
  CHECK(std::is_eq(compare_versions("1.01", "1.1")));
  CHECK(std::is_lt(compare_versions("1_2+3", "12+3")));
}

TEST_CASE("the newest version boots, unless it has no tries left") {
  const BootEntry one = entry("os_1.efi", "os", "1");
  const BootEntry nine = entry("os_9.efi", "os", "9");
  CHECK(default_of({one, nine, entry("os_10+3-0.efi", "os", "10")}) == "os_10+3-0.efi");
  CHECK(default_of({one, nine, entry("os_10+0-3.efi", "os", "10")}) == "os_9.efi");
  CHECK(default_of({nine, entry("z.efi", "", "10")}) == "os_9.efi");
  CHECK(default_of({nine, entry("bear_1.efi", "bear", "1")}) == "bear_1.efi");
  CHECK(default_of({entry("os_1_a.efi", "os", "1"), entry("os_1_b.efi", "os", "1")}) == "os_1_b.efi");
  CHECK(default_of({}) == "");
}

TEST_CASE("an entry that can't be read is never the default") {
  BootEntry broken = entry("os_2.efi", "", "");
  broken.defect = "cut";
  CHECK(default_of({broken, entry("os_1.efi", "os", "1")}) == "os_1.efi");
  CHECK(default_of({broken}) == "");
}

TEST_CASE("a pattern for the default wins, the variable before the file") {
  const std::vector<BootEntry> entries{entry("os_2.efi", "os", "2"), entry("os_1+0-3.efi", "os", "1")};
  CHECK(default_of(entries, {.variable = "os_1*"}) == "os_1+0-3.efi");
  CHECK(default_of(entries, {.variable = "OS_1.efi"}) == "os_1+0-3.efi");
  CHECK(default_of(entries, {.variable = "os_2*", .config = "os_1*"}) == "os_2.efi");
  CHECK(default_of(entries, {.config = "none*"}) == "os_2.efi");
}

TEST_CASE("the pattern of loader.conf is its last default line") {
  const Scratch scratch;
  CHECK(read_default_pattern(scratch.directory()) == std::nullopt);
  make_directories(scratch.directory(), "loader");
  write_new_file(scratch.directory(), "loader/loader.conf",
                 as_bytes("timeout 3\n#default no\n default\tone \r\ndefault two*\ndefaults x\ndefault\n"));
  CHECK(read_default_pattern(scratch.directory()) == "two*");
}
