// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The hint itself has no result to see: these say that it neither blocks, nor throws, nor outlives its owner.
#include "store/early_sync.hpp"

#include <vector>

#include "tests/catch.hpp"
#include "tests/scratch.hpp"

using namespace sealroot;

TEST_CASE("Syncs start beside threads that write, and end with their owner") {
  const Scratch scratch;
  EarlySync early_sync(10);
  std::vector<std::thread> writers;
  for (int writer = 0; writer < 4; ++writer) {
    writers.emplace_back([&] {
      for (int i = 0; i < 100; ++i) early_sync.wrote(scratch.directory(), 3);
    });
  }
  for (std::thread& writer : writers) writer.join();
  early_sync.start(scratch.directory());
}

TEST_CASE("A directory that can't be opened is left to the last syncfs") {
  EarlySync early_sync(1);
  CHECK_NOTHROW(early_sync.wrote(Fd(), 1));
  CHECK_NOTHROW(early_sync.start(Fd()));
}
