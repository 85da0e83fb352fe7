// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/disk/uuid.hpp"

#include "tests/catch.hpp"

using namespace sealroot;

namespace {

const Digest seed = *Digest::try_parse(std::string(64, '5'));

}  // namespace

TEST_CASE("uuid says that it is one of version 8") {
  const std::string text = to_text(derive_uuid(seed, "disk"));
  CHECK(text.size() == 36);
  CHECK(text[8] == '-');
  CHECK(text[14] == '8');
  CHECK(std::string("89ab").find(text[19]) != std::string::npos);
}

TEST_CASE("uuid depends on seed and purpose and on nothing else") {
  const Digest other = *Digest::try_parse(std::string(64, '6'));
  CHECK(derive_uuid(seed, "disk") == derive_uuid(seed, "disk"));
  CHECK(derive_uuid(seed, "disk") != derive_uuid(seed, "root"));
  CHECK(derive_uuid(seed, "disk") != derive_uuid(other, "disk"));
}

TEST_CASE("uuid of a digest stays what it is in the next release") {
  // printf 'sealroot disk disk\0' plus 32 bytes 0x55, through sha256sum, with version and variant set
  CHECK(to_text(derive_uuid(seed, "disk")) == "6ccfff37-36ea-84c2-84fd-54a41727da9d");
}
