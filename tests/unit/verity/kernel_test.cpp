// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// What the kernel measures, where the temporary directory's file system has fs-verity; else that it is told apart.
#include "store/verity/kernel.hpp"

#include <chrono>
#include <thread>

#include "store/verity/verity_hasher.hpp"
#include "tests/catch.hpp"
#include "tests/scratch.hpp"
#include "tests/unit/verity/pattern.hpp"

using namespace sealroot;

namespace {

bool can_seal(const Scratch& scratch) {
  write_new_file(scratch.directory(), "probe", pattern(1));
  return try_seal(open_at(scratch.directory(), "probe", O_RDONLY), Algorithm::sha256);
}

}  // namespace

TEST_CASE("a file that is not sealed has no kernel digest") {
  const Scratch scratch;
  write_new_file(scratch.directory(), "file", pattern(5000));
  CHECK_FALSE(try_measure(open_at(scratch.directory(), "file", O_RDONLY)).has_value());
}

TEST_CASE("the kernel measures the digest that was computed") {
  const Scratch scratch;
  if (!can_seal(scratch)) {
    WARN("no fs-verity in the temporary directory: skipped");
    return;
  }
  for (const Algorithm algorithm : {Algorithm::sha256, Algorithm::sha512}) {
    for (const std::size_t size_bytes : {0UL, 1UL, 4096UL, 4097UL, 262145UL, 524289UL, 3000000UL}) {
      const std::string name = std::string(algorithm_name(algorithm)) + std::to_string(size_bytes);
      write_new_file(scratch.directory(), name, pattern(size_bytes));
      const Fd file = open_at(scratch.directory(), name, O_RDONLY);
      REQUIRE(try_seal(file, algorithm));
      CHECK(try_seal(file, algorithm));
      CHECK(try_measure(file) == measure_bytes(algorithm, pattern(size_bytes)));
    }
  }
}

TEST_CASE("P6_sealing waits for a writer that is about to let go") {
  const Scratch scratch;
  if (!can_seal(scratch)) {
    WARN("no fs-verity in the temporary directory: skipped");
    return;
  }
  write_new_file(scratch.directory(), "file", pattern(100));
  Fd writer = open_at(scratch.directory(), "file", O_RDWR);
  std::thread closer([&writer] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    writer = Fd();
  });
  const Fd file = open_at(scratch.directory(), "file", O_RDONLY);
  CHECK(try_seal(file, Algorithm::sha256));
  closer.join();
}
