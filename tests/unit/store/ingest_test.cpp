// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Contents of all sizes through the pipeline: same digests and objects with any number of threads, clean ends.
#include "store/ingest.hpp"

#include <sys/stat.h>

#include <random>

#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/verity/verity_hasher.hpp"
#include "tests/catch.hpp"
#include "tests/scratch.hpp"
#include "tests/unit/verity/pattern.hpp"

using namespace sealroot;

namespace {

Bytes content(std::size_t size_bytes, std::uint8_t salt) {
  Bytes data = pattern(size_bytes);
  if (!data.empty()) data[size_bytes / 2] = salt;
  return data;
}

std::vector<Bytes> contents_of_all_sizes() {
  std::vector<Bytes> contents;
  for (const std::size_t size_bytes : {0UL, 1UL, 64UL, 65UL, 4095UL, 4096UL, 4097UL, 262143UL, 262144UL, 262145UL,
                                       1048576UL, 1048577UL, 5000000UL, 0UL, 100UL}) {
    contents.push_back(content(size_bytes, 1));
  }
  std::mt19937 random(7);
  for (int i = 0; i < 600; ++i) {
    contents.push_back(content(random() % (i % 10 == 0 ? 400000 : 9000), static_cast<std::uint8_t>(i)));
  }
  return contents;
}

void feed(Ingest& ingest, const Bytes& data, std::size_t piece_bytes) {
  ingest.begin(data.size());
  for (ByteView rest = data; !rest.empty();) {
    const std::size_t piece = std::min(rest.size(), piece_bytes);
    ingest.write(rest.first(piece));
    rest = rest.subspan(piece);
  }
  ingest.end();
}

}  // namespace

TEST_CASE("digests are those of each content, with any number of threads") {
  const std::vector<Bytes> contents = contents_of_all_sizes();
  for (const Algorithm algorithm : {Algorithm::sha256, Algorithm::sha512}) {
    SpillTable<Digest> expected;
    for (const Bytes& data : contents) expected.push_back(measure_bytes(algorithm, data));
    for (const unsigned threads : {0U, 1U, 2U, 5U, 40U}) {
      Ingest ingest(nullptr, algorithm, threads);
      for (const Bytes& data : contents) feed(ingest, data, 65536);
      const SpillTable<Digest> digests = ingest.finish();
      REQUIRE(digests.size() == contents.size());
      for (std::size_t i = 0; i < contents.size(); ++i) {
        INFO(threads << " threads, content " << i << " of " << contents[i].size() << " bytes");
        REQUIRE(digests[i] == expected[i]);
      }
    }
  }
}

TEST_CASE("every content is readable from the store afterwards") {
  for (const unsigned threads : {1U, 4U}) {
    const Scratch scratch;
    const ObjectStore store(open_at(scratch.directory(), ".", O_RDONLY | O_DIRECTORY), Algorithm::sha256);
    const std::vector<Bytes> contents = contents_of_all_sizes();
    Ingest ingest(&store, Algorithm::sha256, threads);
    for (const Bytes& data : contents) feed(ingest, data, 1000000);
    const SpillTable<Digest> digests = ingest.finish();
    for (std::size_t i = 0; i < contents.size(); ++i) REQUIRE(store.read(digests[i]) == contents[i]);
  }
}

TEST_CASE("contents of up to a segment that are there already are not written again") {
  const Scratch scratch;
  const ObjectStore store(open_at(scratch.directory(), ".", O_RDONLY | O_DIRECTORY), Algorithm::sha256);
  const ObjectStore unwritable(open_at(scratch.directory(), ".", O_RDONLY | O_DIRECTORY), Algorithm::sha256,
                               ObjectStore::Access::read_only);
  for (const ObjectStore* target : {&store, &unwritable}) {
    Ingest ingest(target, Algorithm::sha256, 2);
    for (const std::size_t size_bytes : {100UL, 300000UL, 1048576UL}) feed(ingest, pattern(size_bytes), 65536);
    CHECK_NOTHROW(ingest.finish());
  }
}

TEST_CASE("a content of another size than announced is malformed, and finish tells it again") {
  for (const auto& [announced, given] :
       {std::pair{10UL, 9UL}, {10UL, 11UL}, {300000UL, 299999UL}, {300000UL, 3000000UL}}) {
    Ingest ingest(nullptr, Algorithm::sha512, 2);
    ingest.begin(announced);
    ingest.write(pattern(given));
    CHECK_THROWS_WITH(ingest.end(), has_text("content has " + std::to_string(given) + " bytes, but " +
                                             std::to_string(announced) + " were announced"));
    CHECK_THROWS_AS(ingest.finish(), Error);
  }
}

TEST_CASE("an ingest that is given up joins its threads and leaves only whole objects") {
  const Scratch scratch;
  const ObjectStore store(open_at(scratch.directory(), ".", O_RDONLY | O_DIRECTORY), Algorithm::sha512);
  {
    Ingest ingest(&store, Algorithm::sha512, 3);
    for (const Bytes& data : contents_of_all_sizes()) feed(ingest, data, 4096);
    ingest.begin(2000000);
    ingest.write(pattern(1500000));
  }
  for (const auto& entry : std::filesystem::recursive_directory_iterator(scratch.path())) {
    if (!entry.is_regular_file()) continue;
    const std::string path = std::filesystem::relative(entry.path(), scratch.path()).string();
    const std::optional<Digest> digest = try_parse_object_path(path);
    REQUIRE(digest);
    CHECK_NOTHROW(store.read(*digest));
  }
}
