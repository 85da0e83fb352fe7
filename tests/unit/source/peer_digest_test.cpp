// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// From a container image to its digest, compared with what cfsctl of composefs-rs computes: tests/golden/oci-image.py
// says how image and digests were made.
#include <sstream>

#include "builder/image/image.hpp"
#include "builder/source/source.hpp"
#include "builder/tree/normalise.hpp"
#include "store/core/digest_text.hpp"
#include "store/verity/verity_hasher.hpp"
#include "tests/catch.hpp"

using namespace sealroot;

namespace {

std::string image_digest(Algorithm algorithm, bool boot_form) {
  Ingest ingest(nullptr, algorithm, 2);
  Tree tree =
      read_source("oci-archive:" TEST_DATA "/golden/oci-image.tar:latest", {.architecture = "amd64"}, ingest).tree;
  normalise_tree(tree);
  if (boot_form) {
    check_bootable_tree(tree);
    make_boot_form(tree);
  }
  VerityHasher hasher(algorithm);
  hasher.update(make_image(tree, ImageFormat::v1));
  return to_hex(hasher.finish());
}

}  // namespace

TEST_CASE("a container image has the digest that cfsctl computes") {
  const Bytes table = read_file(working_directory(), TEST_DATA "/golden/oci-image.digests");
  std::istringstream lines{std::string(as_text(table))};
  std::string algorithm;
  std::string form;
  std::string digest;
  int count = 0;
  for (; lines >> algorithm >> form >> digest; ++count) {
    CAPTURE(algorithm, form);
    CHECK(image_digest(parse_algorithm(algorithm), form == "boot") == digest);
  }
  CHECK(count == 4);
}
