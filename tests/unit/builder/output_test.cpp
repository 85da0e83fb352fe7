// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/output.hpp"

#include <algorithm>
#include <filesystem>

#include "store/core/error.hpp"
#include "tests/catch.hpp"
#include "tests/scratch.hpp"

using namespace sealroot;

namespace {

std::size_t names_in(const std::filesystem::path& folder) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

}  // namespace

TEST_CASE("an output folder appears whole or not at all") {
  const Scratch scratch;
  const std::string path = (scratch.path() / "out").string();
  {
    const OutputFolder abandoned(path);
    write_new_file(abandoned.directory(), "file", as_bytes("x"));
    CHECK_FALSE(std::filesystem::exists(path));
  }
  CHECK(names_in(scratch.path()) == 0);

  std::filesystem::create_directory(path);  // an empty one is taken
  {
    OutputFolder output(path + "/");
    write_new_file(output.directory(), "file", as_bytes("x"));
    output.commit();
  }
  CHECK(names_in(scratch.path()) == 1);
  CHECK(std::filesystem::exists(path + "/file"));
}

TEST_CASE("P1_what a killed build left is removed by the next one, what a running one has is not") {
  const Scratch scratch;
  const std::string path = (scratch.path() / "out").string();
  const OutputFolder running(path);
  std::filesystem::create_directories(scratch.path() / ".out.sealroot-abcdef/composefs");
  std::filesystem::create_directories(scratch.path() / ".out.sealroot-precious");
  std::filesystem::create_directories(scratch.path() / ".out2.sealroot-abcdef");
  const OutputFolder next(path);
  CHECK_FALSE(std::filesystem::exists(scratch.path() / ".out.sealroot-abcdef"));
  CHECK(names_in(scratch.path()) == 4);
  CHECK_NOTHROW(write_new_file(running.directory(), "file", as_bytes("x")));
}

TEST_CASE("what is there already is never overwritten, even if it came later") {
  const Scratch scratch;
  const std::string path = (scratch.path() / "out").string();
  OutputFolder output(path);
  std::filesystem::create_directory(path);
  write_new_file(scratch.directory(), "out/precious", as_bytes("x"));
  CHECK_THROWS_WITH(output.commit(), has_text("not empty any more"));
  CHECK_THROWS_WITH(OutputFolder(path), has_text("not empty"));
  CHECK_THROWS_WITH(OutputFolder(path + "/precious"), has_text("not a directory"));
  CHECK_THROWS_AS(OutputFolder("."), Error);
  CHECK_THROWS_AS(OutputFolder((scratch.path() / "none" / "out").string()), Error);
}
