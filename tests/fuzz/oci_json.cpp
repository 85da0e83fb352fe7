// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Index, manifest and config of an OCI image; the first byte chooses which.
#include "builder/source/manifest.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace sealroot;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteView json(data + 1, size - 1);
  accepts([&] {
    switch (data[0] % 5) {
      case 0:
        parse_index(json, "");
        break;
      case 1:
        parse_index(json, "application/vnd.oci.image.index.v1+json");
        break;
      case 2:
        parse_manifest(json, "application/vnd.oci.image.manifest.v1+json");
        break;
      case 3:
        parse_manifest(json, "application/vnd.docker.distribution.manifest.v2+json");
        break;
      default:
        parse_image_config(json);
    }
  });
  return 0;
}
