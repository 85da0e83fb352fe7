// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// What fsck says of splitstreams and of the sizes that images give.
#include <filesystem>

#include "store/blob_digest.hpp"
#include "store/core/digest_text.hpp"
#include "store/fsck.hpp"
#include "store/splitstream_format.hpp"
#include "store/splitstream_writer.hpp"
#include "tests/catch.hpp"
#include "tests/scratch.hpp"
#include "tests/unit/verity/pattern.hpp"

using namespace sealroot;

namespace {

/// A repository with one layer's stream: inline bytes, an object, inline bytes.
struct Sample {
  Scratch scratch;
  Repository repository = Repository::create(scratch.directory(), "repo", Algorithm::sha256);
  Bytes content = pattern(9000);
  Digest object = repository.objects().put(content);
  std::string diff_id;

  Sample() {
    BlobHasher hasher(Algorithm::sha256);
    hasher.update(as_bytes("header"));
    hasher.update(content);
    hasher.update(as_bytes("padding"));
    diff_id = hasher.finish().text();
  }

  static SplitstreamBody body(std::uint64_t object_bytes = 9000, std::string_view end = "padding") {
    SplitstreamBody body;
    body.write(as_bytes("header"));
    body.write_object(object_bytes);
    body.write(as_bytes(end));
    return body;
  }

  void name(const std::string& id, std::uint64_t type, SplitstreamBody body) const {
    const Bytes file = make_splitstream(Algorithm::sha256, type, {}, {object}, std::move(body));
    repository.name_streams({{id, repository.objects().put(file)}});
  }

  std::string damages() const {
    std::string text;
    for (const Damage& damage : check_repository(repository, 1).damages)
      text += damage.path + ": " + damage.reason + "\n";
    return text;
  }
};

}  // namespace

TEST_CASE("fsck finds no fault with streams that give what their names say") {
  const Sample sample;
  sample.name("oci-layer-" + sample.diff_id, splitstream::layer_type, Sample::body());
  sample.name("of-another-kind", splitstream::content_type("whatever"), Sample::body());
  CHECK(sample.damages().empty());
}

TEST_CASE("fsck says what is wrong with a stream") {
  const Sample sample;
  SECTION("other bytes than its name says") {
    sample.name("oci-layer-" + sample.diff_id, splitstream::layer_type, Sample::body(9000, "another"));
    CHECK_THAT(sample.damages(),
               has_text("streams/oci-layer-" + sample.diff_id) && has_text("its content has another digest, sha256:"));
  }
  SECTION("more bytes than it says") {
    sample.name("oci-layer-" + sample.diff_id, splitstream::layer_type, Sample::body(8999));
    CHECK_THAT(sample.damages(), has_text("has more than 9012 bytes"));
  }
  SECTION("less bytes than it says") {
    sample.name("oci-layer-" + sample.diff_id, splitstream::layer_type, Sample::body(9001));
    CHECK_THAT(sample.damages(), has_text("has 9013 bytes and says 9014"));
  }
  SECTION("another type than its name says") {
    sample.name("oci-layer-" + sample.diff_id, splitstream::config_type, Sample::body());
    CHECK_THAT(sample.damages(), has_text("of another type than its name says"));
  }
  SECTION("a name without a digest") {
    sample.name("oci-manifest-latest", splitstream::manifest_type, Sample::body());
    CHECK_THAT(sample.damages(), has_text("blob digest 'latest'"));
  }
  SECTION("a missing object, told once and not blamed on the stream's digest") {
    sample.name("oci-layer-" + sample.diff_id, splitstream::layer_type, Sample::body());
    std::filesystem::remove(sample.scratch.path() / "repo/objects" / object_path(sample.object));
    CHECK(sample.damages() == "streams/oci-layer-" + sample.diff_id + ": needs object objects/" +
                                  object_path(sample.object) + ", which is missing\n");
  }
}
