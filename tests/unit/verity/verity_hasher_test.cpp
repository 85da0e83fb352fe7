// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Digests against the golden vectors (made by the reference implementations) and, where it is installed, against the
// program fsverity.
#include "store/verity/verity_hasher.hpp"

#include <cstdlib>
#include <fstream>
#include <random>
#include <sstream>

#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/verity/batch.hpp"
#include "tests/catch.hpp"
#include "tests/scratch.hpp"
#include "tests/unit/verity/pattern.hpp"

using namespace sealroot;

namespace {

constexpr std::array algorithms{Algorithm::sha256, Algorithm::sha512};

struct Vector {
  std::size_t size_bytes = 0;
  Algorithm algorithm{};
  std::string digest;
};

std::vector<Vector> golden_vectors() {
  std::ifstream file(TEST_DATA "/golden/fsverity.tsv");
  std::string line;
  std::getline(file, line);  // column names
  std::vector<Vector> vectors;
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    Vector vector;
    std::string algorithm;
    fields >> vector.size_bytes >> algorithm >> vector.digest;
    vector.algorithm = parse_algorithm(algorithm);
    vectors.push_back(std::move(vector));
  }
  return vectors;
}

}  // namespace

TEST_CASE("digests agree with the golden vectors") {
  const std::vector<Vector> vectors = golden_vectors();
  REQUIRE(vectors.size() == 44);
  for (const Vector& vector : vectors) {
    INFO(vector.size_bytes << " " << algorithm_name(vector.algorithm));
    CHECK(to_hex(measure_bytes(vector.algorithm, pattern(vector.size_bytes))) == vector.digest);
  }
}

TEST_CASE("the digest does not depend on how the bytes are cut into pieces") {
  std::mt19937 random(1);
  for (const std::size_t size_bytes : {0UL, 1UL, 4096UL, 262144UL, 262145UL, 3000000UL}) {
    const Bytes data = pattern(size_bytes);
    for (const Algorithm algorithm : algorithms) {
      for (const std::size_t largest_piece : {7000UL, 300000UL}) {
        VerityHasher hasher(algorithm);
        for (ByteView rest = data; !rest.empty();) {
          const std::size_t piece = std::min<std::size_t>(rest.size(), random() % largest_piece);
          hasher.update(rest.first(piece));
          rest = rest.subspan(piece);
        }
        CHECK(hasher.finish() == measure_bytes(algorithm, data));
      }
    }
  }
}

TEST_CASE("a batch of small contents gives the digests of each") {
  for (const Algorithm algorithm : algorithms) {
    std::vector<Bytes> contents;
    for (const std::size_t size_bytes : {0UL, 1UL, 4096UL, 4097UL, 0UL, 100000UL, 262143UL, 262144UL, 64UL}) {
      contents.push_back(pattern(size_bytes));
      contents.back().resize(round_up(size_bytes, verity_block_size));
    }
    const std::vector<std::size_t> sizes{0, 1, 4096, 4097, 0, 100000, 262143, 262144, 64};
    std::vector<PaddedContent> padded;
    for (std::size_t i = 0; i < sizes.size(); ++i) padded.push_back({contents[i].data(), sizes[i]});
    const std::vector<Digest> digests = measure_batch(algorithm, padded);
    REQUIRE(digests.size() == sizes.size());
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      INFO(sizes[i]);
      CHECK(digests[i] == measure_bytes(algorithm, pattern(sizes[i])));
    }
    CHECK(measure_batch(algorithm, {}).empty());
  }
}

TEST_CASE("the tree stands with its top level first and ends in the root hash") {
  // 129 blocks, SHA-256: a bottom level of two blocks and a top level of one.
  VerityHasher hasher(Algorithm::sha256, Keep::tree);
  hasher.update(pattern(128 * 4096 + 1));
  const VerityMetadata metadata = hasher.finish_metadata();
  REQUIRE(metadata.tree.size() == 3 * 4096);
  CHECK(std::all_of(metadata.tree.begin() + 64, metadata.tree.begin() + 4096, [](auto byte) { return byte == 0; }));
  CHECK(std::any_of(metadata.tree.begin() + 4096, metadata.tree.begin() + 8192, [](auto byte) { return byte != 0; }));
  CHECK(metadata.descriptor[0] == 1);
  CHECK(metadata.descriptor[1] == 1);
  CHECK(metadata.descriptor[2] == 12);
  CHECK(to_hex(metadata.digest) == golden_vectors().at(32).digest);
}

TEST_CASE("tree, descriptor and digest agree with the program fsverity") {
  if (std::system("fsverity --version >/dev/null 2>&1") != 0) {
    WARN("fsverity is not installed: skipped");
    return;
  }
  const Scratch scratch;
  const std::string base = scratch.path().string();
  for (const std::size_t size_bytes : {0UL, 5000UL, 262145UL, 520192UL, 524289UL, 16777217UL + 4096UL * 64 * 3}) {
    const Bytes data = pattern(size_bytes);
    const std::string name = std::to_string(size_bytes);
    write_new_file(scratch.directory(), name, data);
    for (const Algorithm algorithm : algorithms) {
      INFO(size_bytes << " " << algorithm_name(algorithm));
      const std::string command = "cd " + base +
                                  " && fsverity digest --compact --hash-alg=" + std::string(algorithm_name(algorithm)) +
                                  " --out-merkle-tree=tree --out-descriptor=descriptor " + name + " >digest";
      REQUIRE(std::system(command.c_str()) == 0);
      VerityHasher hasher(algorithm, Keep::tree);
      hasher.update(data);
      const VerityMetadata metadata = hasher.finish_metadata();
      CHECK(metadata.tree == read_file(scratch.directory(), "tree"));
      CHECK(Bytes(metadata.descriptor.begin(), metadata.descriptor.end()) ==
            read_file(scratch.directory(), "descriptor"));
      CHECK(to_hex(metadata.digest) + "\n" == as_text(read_file(scratch.directory(), "digest")));
    }
  }
}
