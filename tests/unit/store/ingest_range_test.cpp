// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Contents that the hashing threads read from a file themselves: the same digests and objects as those handed over.
#include <sys/stat.h>
#include <unistd.h>

#include <memory>

#include "store/core/error.hpp"
#include "store/ingest.hpp"
#include "store/verity/verity_hasher.hpp"
#include "tests/catch.hpp"
#include "tests/scratch.hpp"
#include "tests/unit/verity/pattern.hpp"

using namespace sealroot;

namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;

struct Range {
  std::uint64_t offset;
  std::size_t size_bytes;
};

/// Ranges of all kinds, none at the start of a block.
std::vector<Range> ranges() {
  std::vector<Range> result;
  std::uint64_t offset = 512;
  for (const std::size_t size_bytes :
       {1UL, 65UL, 4095UL, 4096UL, 4097UL, 100UL, 262144UL, 262145UL, mebibyte, mebibyte + 1, 3 * mebibyte + 5, 70UL}) {
    result.push_back({offset, size_bytes});
    offset += size_bytes + 512;
  }
  return result;
}

class Source {
 public:
  Source() {
    data_ = pattern(ranges().back().offset + ranges().back().size_bytes);
    write_new_file(scratch_.directory(), "source", data_);
    file_ = std::make_shared<const Fd>(open_at(scratch_.directory(), "source", O_RDWR));
  }
  const std::shared_ptr<const Fd>& file() const { return file_; }
  ByteView bytes(const Range& range) const { return ByteView(data_).subspan(range.offset, range.size_bytes); }

  SpillTable<Digest> ingest(const ObjectStore* store, unsigned threads) const {
    Ingest ingest(store, Algorithm::sha256, threads);
    for (const Range& range : ranges()) ingest.add_range(file_, range.offset, range.size_bytes);
    return ingest.finish();
  }

 private:
  Scratch scratch_;
  Bytes data_;
  std::shared_ptr<const Fd> file_;
};

}  // namespace

TEST_CASE("ranges of a file give the digests of their bytes") {
  const Source source;
  for (const unsigned threads : {1U, 2U, 7U}) {
    const SpillTable<Digest> digests = source.ingest(nullptr, threads);
    REQUIRE(digests.size() == ranges().size());
    for (std::size_t i = 0; i < digests.size(); ++i) {
      INFO(threads << " threads, range " << i);
      CHECK(digests[i] == measure_bytes(Algorithm::sha256, source.bytes(ranges()[i])));
    }
  }
}

TEST_CASE("ranges are stored, those that are there already and those that only have the size of another object") {
  const Source source;
  for (const unsigned threads : {1U, 3U}) {
    const Scratch scratch;
    const ObjectStore store(open_at(scratch.directory(), ".", O_RDONLY | O_DIRECTORY), Algorithm::sha256);
    store.put(pattern(3 * mebibyte + 5));  // not the bytes of the range of that size
    SpillTable<Digest> digests;
    for (int round = 0; round < 2; ++round) digests = source.ingest(&store, threads);
    for (std::size_t i = 0; i < digests.size(); ++i) {
      INFO(threads << " threads, range " << i);
      const ByteView expected = source.bytes(ranges()[i]);
      CHECK(store.read(digests[i]) == Bytes(expected.begin(), expected.end()));
    }
  }
}

TEST_CASE("an object that is there is not written again from a range") {
  const Source source;
  const Scratch scratch;
  const ObjectStore store(open_at(scratch.directory(), ".", O_RDONLY | O_DIRECTORY), Algorithm::sha256);
  const SpillTable<Digest> digests = source.ingest(&store, 2);
  const auto inode = [&](const Digest& digest) {
    struct stat info {};
    REQUIRE(::fstat(store.open(digest).get(), &info) == 0);
    return info.st_ino;
  };
  std::vector<ino_t> before;
  for (const Digest& digest : digests) before.push_back(inode(digest));
  source.ingest(&store, 2);
  for (std::size_t i = 0; i < digests.size(); ++i) CHECK(inode(digests[i]) == before[i]);
}

TEST_CASE("ranges and contents that are handed over may share a batch, and both may be kept") {
  const Source source;
  const Bytes handed = pattern(300);
  Ingest ingest(nullptr, Algorithm::sha256, 2);
  ingest.keep([](std::string_view path) { return path == "keep"; });
  const Range range = ranges()[4];
  ingest.add_range(source.file(), range.offset, range.size_bytes);
  ingest.begin(handed.size());
  ingest.write(handed);
  ingest.end();
  const ContentId kept = ingest.add_range(source.file(), range.offset, range.size_bytes, "keep");
  const SpillTable<Digest> digests = ingest.finish();
  CHECK(digests[0] == measure_bytes(Algorithm::sha256, source.bytes(range)));
  CHECK(digests[1] == measure_bytes(Algorithm::sha256, handed));
  CHECK(kept == 2);
  CHECK(digests[2] == digests[0]);
  CHECK(ingest.take_kept().at(digests[2]).size() == range.size_bytes);
}

TEST_CASE("a file that is cut while it is read is an error") {
  const Source source;
  REQUIRE(::ftruncate(source.file()->get(), 2 * mebibyte) == 0);
  CHECK_THROWS_WITH(source.ingest(nullptr, 2), Catch::Contains("has been cut"));
  CHECK_THROWS_WITH(source.ingest(nullptr, 1), Catch::Contains("has been cut"));
}
