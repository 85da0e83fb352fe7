// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// os-release of a container image, and a profile of ukify's kind; the first byte chooses which.
#include "builder/uki/os_release.hpp"
#include "builder/uki/template.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace sealroot;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text = as_text({data + 1, size - 1});
  accepts([&] {
    if ((data[0] & 1) != 0) {
      parse_template(text, "profile");
      return;
    }
    OsRelease::parse(text);
    const OsRelease changed = OsRelease::parse(os_release_with_image(text, "web", "1.2"));
    promise(changed.find("IMAGE_ID") == "web" && changed.find("IMAGE_VERSION") == "1.2", "the image's names are set");
  });
  return 0;
}
