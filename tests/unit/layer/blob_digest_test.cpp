// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include <cstdint>

#include "builder/layer/blob_digest.hpp"

#include "store/core/error.hpp"
#include "tests/catch.hpp"
#include "tests/memory_stream.hpp"

using namespace sealroot;

namespace {

void read_blob(const std::string& content, std::uint64_t size, const BlobDigest& digest, std::size_t piece = SIZE_MAX) {
  CheckedBlob blob(std::make_unique<MemoryStream>(content, piece), size, digest);
  blob.drain();
}

}  // namespace

TEST_CASE("N8_digest_strings_that_are_no_digests_are_refused") {
  const std::string hex(64, 'a');
  CHECK(parse_blob_digest("sha256:" + hex).text() == "sha256:" + hex);
  CHECK(parse_blob_digest("sha512:" + hex + hex).algorithm == Algorithm::sha512);
  for (const std::string& text : std::vector<std::string>{
           std::string{}, hex, "sha256:", "sha256", "sha256:../../" + hex.substr(6), "sha256:" + hex.substr(1),
           "sha256:" + hex + "a", "sha256:" + std::string(64, 'A'), "SHA256:" + hex, "sha1:" + std::string(40, 'a'),
           "sha512:" + hex, "sha256:" + hex.substr(1) + "g", "sha256:" + hex + "\n", " sha256:" + hex,
           "sha256:" + hex.substr(1) + std::string(1, '\0'), "sha256+b64:" + hex, "sha256:sha256:" + hex}) {
    CAPTURE(text);
    CHECK_THROWS_WITH(parse_blob_digest(text), has_text("blob digest '"));
  }
}

TEST_CASE("N2_a_blob_of_other_bytes_or_another_size_is_refused") {
  const std::string content = "some bytes of a blob";
  const BlobDigest digest = blob_digest(as_bytes(content));
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, content.size(), SIZE_MAX}) {
    CHECK_NOTHROW(read_blob(content, content.size(), digest, piece));
    CHECK_THROWS_WITH(read_blob("Some bytes of a blob", content.size(), digest, piece),
                      has_text("blob digest mismatch"));
    CHECK_THROWS_WITH(read_blob(content, content.size() + 1, digest, piece), has_text("blob size mismatch"));
    CHECK_THROWS_WITH(read_blob(content, content.size() - 1, digest, piece), has_text("blob size mismatch"));
  }
  CHECK_NOTHROW(read_blob("", 0, blob_digest({})));
  CHECK_THROWS_WITH(read_blob("x", 0, blob_digest({})), has_text("blob size mismatch"));
}

TEST_CASE("N2_no_more_than_one_byte_too_many_is_read") {
  class Endless final : public ByteStream {
   public:
    explicit Endless(std::uint64_t& given) : given_(given) {}
    std::size_t read(std::span<std::uint8_t> out) override {
      std::fill(out.begin(), out.end(), std::uint8_t{0});
      given_ += out.size();
      return out.size();
    }

   private:
    std::uint64_t& given_;
  };
  std::uint64_t given = 0;
  CheckedBlob blob(std::make_unique<Endless>(given), 1000000, blob_digest({}));
  CHECK_THROWS_WITH(blob.drain(), has_text("blob size mismatch"));
  CHECK(given == 1000001);
}
