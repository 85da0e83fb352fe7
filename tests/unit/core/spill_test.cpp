// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "store/core/error.hpp"
#include "store/core/spill_file.hpp"
#include "store/core/spill_table.hpp"
#include "tests/catch.hpp"

using namespace sealroot;

namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;
constexpr SpillFile::Limits small{.anonymous_bytes = 2 * mebibyte, .mapped_bytes = 4 * mebibyte};

struct Resident {
  std::size_t anonymous_kib = 0;
  std::size_t file_kib = 0;
};

Resident resident() {
  Resident result;
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word == "RssAnon:") status >> result.anonymous_kib;
    if (word == "RssFile:") status >> result.file_kib;
  }
  return result;
}

/// 32 areas of a mebibyte, each full of its number.
std::vector<void*> fill(SpillFile& memory) {
  std::vector<void*> areas;
  for (int i = 0; i < 32; ++i) {
    areas.push_back(memory.allocate(mebibyte));
    std::memset(areas.back(), i, mebibyte);
    memory.limit_mapped_pages();
  }
  return areas;
}

void check_and_free(SpillFile& memory, const std::vector<void*>& areas) {
  for (std::size_t i = 0; i < areas.size(); ++i) {
    CHECK(std::string_view(static_cast<const char*>(areas[i]), mebibyte) ==
          std::string(mebibyte, static_cast<char>(i)));
    memory.limit_mapped_pages();
    memory.deallocate(areas[i], mebibyte);
  }
}

/// TMPDIR for one test.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(const char* folder) {
    if (const char* const before = std::getenv("TMPDIR")) before_ = before;
    ::setenv("TMPDIR", folder, 1);
  }
  ~TemporaryFolder() { before_.empty() ? ::unsetenv("TMPDIR") : ::setenv("TMPDIR", before_.c_str(), 1); }

 private:
  std::string before_;
};

}  // namespace

TEST_CASE("what is over the limit stands in a file, and little of it is mapped") {
  const TemporaryFolder on_disk("/var/tmp");
  SpillFile memory(small);
  const Resident before = resident();
  const std::vector<void*> areas = fill(memory);
  const Resident after = resident();
  if (memory.file_bytes() == 0) {
    WARN("/var/tmp is in memory: skipped");
    return;
  }
  CHECK(memory.file_bytes() == 30 * mebibyte);
  CHECK(after.anonymous_kib < before.anonymous_kib + 4 * 1024);
  CHECK(after.file_kib < before.file_kib + 8 * 1024);
  check_and_free(memory, areas);
  CHECK(memory.file_bytes() == 0);
}

TEST_CASE("without a folder for temporary files all memory is ordinary") {
  const TemporaryFolder missing("/nonexistent");
  SpillFile memory(small);
  const std::vector<void*> areas = fill(memory);
  CHECK(memory.file_bytes() == 0);
  check_and_free(memory, areas);
}

TEST_CASE("a table holds what was put in, over many blocks, and its copies do too") {
  SpillTable<std::string> table;
  CHECK(table.empty());
  for (int i = 0; i < 100000; ++i) table.push_back(std::to_string(i));
  table[70000] += "x";
  const SpillTable<std::string> copy = table;
  table.clear();
  CHECK(table.empty());
  REQUIRE(copy.size() == 100000);
  int number = 0;
  bool all_there = true;
  for (const std::string& text : copy) {
    all_there = all_there && text == std::to_string(number) + (number == 70000 ? "x" : "");
    ++number;
  }
  CHECK(all_there);
  CHECK(number == 100000);
  CHECK(SpillTable<int>(5, 7) == SpillTable<int>(5, 7));
  CHECK_FALSE(SpillTable<int>(5, 7) == SpillTable<int>(6, 7));
}
