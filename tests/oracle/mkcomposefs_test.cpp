// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Random trees: our image is mkcomposefs' image, and fsck.erofs finds nothing wrong with it.
#include <cstdlib>
#include <string>

#include "builder/image/image.hpp"
#include "builder/image/read_image.hpp"
#include "builder/tree/dumpfile.hpp"
#include "store/core/fd.hpp"
#include "tests/catch.hpp"
#include "tests/oracle/random_tree.hpp"
#include "tests/scratch.hpp"

using namespace sealroot;

namespace {

/// Seeds to try; more by hand: SEALROOT_SEEDS=5000.
std::uint64_t seed_count() {
  const char* count = std::getenv("SEALROOT_SEEDS");
  return count != nullptr ? std::strtoull(count, nullptr, 10) : 60;
}

unsigned names_for(std::uint64_t seed) {
  constexpr std::array<unsigned, 5> sizes{3, 30, 120, 400, 1500};
  return sizes[seed % sizes.size()];
}

bool runs(const std::string& command) { return std::system((command + " >/dev/null 2>&1").c_str()) == 0; }

void replace_file(const Scratch& scratch, const std::string& name, ByteView bytes) {
  std::filesystem::remove(scratch.path() / name);
  write_new_file(scratch.directory(), name, bytes);
}

}  // namespace

TEST_CASE("random trees give the images of mkcomposefs") {
  const char* mkcomposefs = std::getenv("MKCOMPOSEFS");
  if (mkcomposefs == nullptr) {
    WARN("MKCOMPOSEFS names no mkcomposefs: not compared");
    return;
  }
  struct Mode {
    ImageFormat format;
    std::string options;
  };
  const std::vector<Mode> modes{{ImageFormat::v1, "--min-version=1"},
                                {ImageFormat::v0, "--min-version=0 --max-version=0"},
                                {ImageFormat::lowest, ""}};
  const Scratch scratch;
  for (std::uint64_t seed = 1; seed <= seed_count(); ++seed) {
    CAPTURE(seed);
    const Tree tree = random_tree(seed, names_for(seed), Algorithm::sha256);
    replace_file(scratch, "tree.dump", as_bytes(print_dumpfile(tree)));
    const Mode& mode = modes[seed % modes.size()];
    const std::string folder = scratch.path().string();
    REQUIRE(runs(std::string(mkcomposefs) + " " + mode.options + " --from-file " + folder + "/tree.dump " + folder +
                 "/theirs"));
    REQUIRE(make_image(tree, mode.format) == read_file(scratch.directory(), "theirs"));
  }
}

TEST_CASE("a dumpfile of a random tree describes that very tree") {
  for (std::uint64_t seed = 1; seed <= seed_count(); ++seed) {
    CAPTURE(seed);
    const Algorithm algorithm = seed % 2 == 0 ? Algorithm::sha256 : Algorithm::sha512;
    const Tree tree = random_tree(seed, names_for(seed), algorithm);
    const Tree parsed = parse_dumpfile(as_bytes(print_dumpfile(tree)));
    REQUIRE(make_image(parsed, ImageFormat::v1) == make_image(tree, ImageFormat::v1));
    REQUIRE(print_dumpfile(parsed) == print_dumpfile(tree));
  }
}

TEST_CASE("fsck.erofs finds nothing wrong with images of random trees") {
  if (!runs("fsck.erofs -V")) {
    WARN("no fsck.erofs: not checked");
    return;
  }
  const Scratch scratch;
  for (std::uint64_t seed = 1; seed <= seed_count(); ++seed) {
    CAPTURE(seed);
    const Algorithm algorithm = seed % 2 == 0 ? Algorithm::sha256 : Algorithm::sha512;
    replace_file(scratch, "image", make_image(random_tree(seed, names_for(seed), algorithm), ImageFormat::v1));
    REQUIRE(runs("fsck.erofs " + scratch.path().string() + "/image"));
  }
}

TEST_CASE("images of random trees read back so that the same images are made again") {
  constexpr std::array formats{ImageFormat::v0, ImageFormat::v1, ImageFormat::v2};
  for (std::uint64_t seed = 1; seed <= seed_count(); ++seed) {
    CAPTURE(seed);
    const Algorithm algorithm = seed % 2 == 0 ? Algorithm::sha256 : Algorithm::sha512;
    const Tree tree = random_tree(seed, names_for(seed), algorithm);
    for (const ImageFormat format : formats) {
      const Bytes image = make_image(tree, format);
      const ReadImage read = read_image(image);
      REQUIRE(read.format == format);
      REQUIRE(make_image(read.tree, format) == image);
    }
  }
}
