// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/direct_file.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>

#include "store/core/digest_text.hpp"
#include "store/ingest.hpp"
#include "store/object_store.hpp"
#include "store/verity/verity_hasher.hpp"
#include "tests/catch.hpp"
#include "tests/scratch.hpp"
#include "tests/unit/verity/pattern.hpp"

using namespace sealroot;

namespace {

constexpr std::size_t block = DirectFile::block_bytes;

/// Memory that starts at a block.
class Aligned {
 public:
  explicit Aligned(const Bytes& content)
      : bytes_(static_cast<std::uint8_t*>(::operator new[](content.size(), std::align_val_t{block}))),
        size_(content.size()) {
    std::copy(content.begin(), content.end(), bytes_);
  }
  Aligned(const Aligned&) = delete;
  Aligned& operator=(const Aligned&) = delete;
  ~Aligned() { ::operator delete[](bytes_, std::align_val_t{block}); }
  ByteView view() const { return {bytes_, size_}; }

 private:
  std::uint8_t* bytes_;
  std::size_t size_;
};

/// How many blocks of the file are in the page cache.
std::size_t cached_blocks(const Fd& file, std::size_t size_bytes) {
  void* const mapping = ::mmap(nullptr, size_bytes, PROT_READ, MAP_SHARED, file.get(), 0);
  REQUIRE(mapping != MAP_FAILED);
  std::vector<unsigned char> pages((size_bytes + block - 1) / block);
  REQUIRE(::mincore(mapping, size_bytes, pages.data()) == 0);
  ::munmap(mapping, size_bytes);
  return static_cast<std::size_t>(std::ranges::count_if(pages, [](unsigned char page) { return (page & 1) != 0; }));
}

bool passes_cache_in(const Scratch& scratch) {
  const Fd file = open_at(scratch.directory(), "probe", O_RDWR | O_CREAT, 0644);
  const Aligned content(pattern(16 * block));
  return DirectFile(file).write_at(content.view(), 0) > 0 && cached_blocks(file, 16 * block) == 0;
}

}  // namespace

TEST_CASE("whole aligned blocks pass the page cache, and the rest is left") {
  const Scratch scratch;
  const Fd file = open_at(scratch.directory(), "file", O_RDWR | O_CREAT, 0644);
  const DirectFile direct(file);
  const Aligned content(pattern(4 * block + 5));
  const std::size_t done = direct.write_at(content.view(), block);
  CHECK((done == 0 || done == 4 * block));
  write_all_at(file, content.view().subspan(done), block + done);
  CHECK(direct.write_at(content.view(), 3) == 0);
  CHECK(direct.write_at(content.view().subspan(1), 0) == 0);
  CHECK(direct.write_at(content.view().first(block - 1), 0) == 0);
  const Bytes read = read_file(scratch.directory(), "file");
  CHECK(Bytes(read.begin() + block, read.end()) == pattern(4 * block + 5));
}

TEST_CASE("large objects pass the page cache only where that was asked for, and are the same") {
  const Scratch probe;
  const bool passes_cache = passes_cache_in(probe);
  for (const bool asked : {false, true}) {
    const Scratch scratch;
    const ObjectStore store(open_at(scratch.directory(), ".", O_RDONLY | O_DIRECTORY), Algorithm::sha256);
    store.put(pattern(1));  // tells whether it can be sealed
    if (asked) store.pass_page_cache();
    Ingest ingest(&store, Algorithm::sha256, 2);
    const std::vector<std::size_t> sizes{5000, 262144, 262145, 1 << 20, (1 << 20) + 1, (3 << 20) + 5, (4 << 20) + 4096};
    for (const std::size_t size_bytes : sizes) {
      ingest.begin(size_bytes);
      ingest.write(pattern(size_bytes));
      ingest.end();
    }
    const SpillTable<Digest> digests = ingest.finish();
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      INFO(sizes[i] << " bytes, asked: " << asked);
      CHECK(digests[i] == measure_bytes(Algorithm::sha256, pattern(sizes[i])));
      const std::size_t cached = cached_blocks(store.open(digests[i]), sizes[i]);
      const bool direct = asked && passes_cache && !store.seals() && sizes[i] >= 262144;
      CHECK((cached <= 1) == direct);
      CHECK(store.read(digests[i]) == pattern(sizes[i]));
    }
  }
}
