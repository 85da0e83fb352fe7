// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Images are what mkcomposefs and cfsctl make, byte for byte; tests/golden/README.md says how theirs were made.
#include "tests/golden.hpp"

#include "builder/image/image.hpp"
#include "builder/tree/dumpfile.hpp"
#include "store/core/error.hpp"
#include "tests/catch.hpp"

using namespace sealroot;

namespace {

ImageFormat format_of(const std::string& mode) {
  if (mode == "v0") return ImageFormat::v0;
  if (mode == "v1") return ImageFormat::v1;
  if (mode == "v2") return ImageFormat::v2;
  REQUIRE(mode == "default");
  return ImageFormat::lowest;
}

}  // namespace

TEST_CASE("images equal those of mkcomposefs in every golden case") {
  const std::vector<GoldenImage> rows = golden_images();
  CHECK(rows.size() == 141);
  for (const GoldenImage& row : rows) {
    CAPTURE(row.name, row.mode);
    const Bytes dumpfile = gunzip_test_data("golden/" + row.name + ".dump.gz");
    if (row.refused) {
      CHECK_THROWS_AS(make_image(parse_dumpfile(dumpfile), format_of(row.mode)), Error);
      continue;
    }
    const Bytes image = make_image(parse_dumpfile(dumpfile), format_of(row.mode));
    CHECK(image.size() == row.size);
    CHECK(sha256_hex(image) == row.sha256);
  }
}

TEST_CASE("images equal those of cfsctl in all formats, with SHA-256 and SHA-512 digests") {
  const std::vector<CfsctlImage> rows = cfsctl_images();
  CHECK(rows.size() == 6);
  for (const CfsctlImage& row : rows) {
    CAPTURE(row.algorithm, row.format);
    const Tree tree = parse_dumpfile(gunzip_test_data("golden/cfsctl-" + row.algorithm + ".dump.gz"));
    const Bytes image = make_image(tree, format_of(row.format));
    CHECK(image.size() == row.size);
    CHECK(sha256_hex(image) == row.sha256);
  }
}
