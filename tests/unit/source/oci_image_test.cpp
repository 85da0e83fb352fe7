// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/source/oci_image.hpp"

#include "oci_layout_writer.hpp"
#include "store/core/error.hpp"
#include "tests/catch.hpp"
#include "tests/tar_writer.hpp"
#include "tests/unit/layer/compressors.hpp"

using namespace sealroot;

namespace {

const std::string lower = TarWriter().directory("usr").file("usr/a", "1").file("usr/b", std::string(100, 'b')).str();
const std::string upper = TarWriter().directory("usr").file("usr/.wh.a").file("usr/c", "2").str();

void check_refused(const OciLayoutWriter& layout, const std::string& reason, const std::string& tag = {}) {
  CHECK_THROWS_WITH(layout.read(tag), has_text(reason));
}

Json tagged(Json descriptor, const std::string& tag) {
  descriptor["annotations"] = {{"org.opencontainers.image.ref.name", tag}};
  return descriptor;
}

Json for_platform(Json descriptor, const std::string& os, const std::string& architecture,
                  const std::string& variant = {}) {
  descriptor["platform"] = {{"os", os}, {"architecture", architecture}};
  if (!variant.empty()) descriptor["platform"]["variant"] = variant;
  return descriptor;
}

}  // namespace

TEST_CASE("layers of every compression add up, and each input is recorded") {
  OciLayoutWriter layout;
  const std::string packed = gzip_member(lower.substr(0, 700)) + gzip_member(lower.substr(700));
  const Json layers = Json::array({layout.put(packed, std::string(oci_layer_type) + "+gzip"),
                                   layout.put(zstd_frame(upper), std::string(oci_layer_type) + "+zstd"),
                                   layout.put(TarWriter().file("x").str(), oci_layer_type)});
  layout.only(layout.manifest(
      layout.config({layout.diff_id(lower), layout.diff_id(upper), layout.diff_id(TarWriter().file("x").str())}),
      layers));
  const SourceResult result = layout.read();
  CHECK(find(result.tree, "usr/b"));
  CHECK(find(result.tree, "usr/c"));
  CHECK(find(result.tree, "x"));
  CHECK_FALSE(find(result.tree, "usr/a"));
  CHECK(result.info.transport == "oci");
  CHECK(result.info.manifest_digest);
  CHECK(result.info.config_digest);
  CHECK(result.info.config.labels == Labels{{"version", "7"}});
  REQUIRE(result.info.layers.size() == 3);
  CHECK(result.info.layers[0].digest == blob_digest(as_bytes(packed)));
  CHECK(result.info.layers[0].size == packed.size());
  CHECK(result.info.layers[0].diff_id == blob_digest(as_bytes(lower)));
}

TEST_CASE("N1_a_manifest_that_is_not_what_its_digest_says_is_refused") {
  OciLayoutWriter layout;
  const Json manifest = layout.image({lower});
  const Json descriptor = layout.put(manifest, oci_manifest_type);
  layout.index(Json::array({descriptor}));
  std::string changed = manifest.dump();
  changed[changed.find("layer.v1")] = 'L';
  layout.write("image/blobs/sha256/" + descriptor["digest"].get<std::string>().substr(7), changed);
  check_refused(layout, "blob digest mismatch");
}

TEST_CASE("N2_a_layer_with_other_bytes_is_refused_by_its_digest") {
  for (const bool compressed : {false, true}) {
    OciLayoutWriter layout;
    std::string blob = compressed ? gzip_member(lower) : lower;
    const Json descriptor = layout.put(blob, std::string(oci_layer_type) + (compressed ? "+gzip" : ""));
    layout.only(layout.manifest(layout.config({layout.diff_id(lower)}), Json::array({descriptor})));
    CHECK_NOTHROW(layout.read());
    const std::string path = "image/blobs/sha256/" + descriptor["digest"].get<std::string>().substr(7);
    const std::string name = "layer 1 of 1 (" + descriptor["digest"].get<std::string>() + "): ";
    std::string flipped = blob;
    flipped[flipped.size() / 2] ^= 1;
    layout.write(path, flipped);
    check_refused(layout, name + "blob digest mismatch");
    layout.write(path, blob + "x");
    check_refused(layout, name + "blob size mismatch");
    layout.write(path, blob.substr(0, blob.size() - 1));
    check_refused(layout, name + "blob size mismatch");
    std::filesystem::remove(layout.scratch().path() / path);
    check_refused(layout, "is missing");
  }
}

TEST_CASE("N3_a_layer_that_is_not_its_diff_id_is_refused") {
  OciLayoutWriter layout;
  layout.only(
      layout.manifest(layout.config({layout.diff_id(upper)}), Json::array({layout.put(lower, oci_layer_type)})));
  check_refused(layout, "diff_id mismatch");
  layout.only(layout.manifest(layout.config({}), Json::array({layout.put(lower, oci_layer_type)})));
  check_refused(layout, "0 diff IDs for 1 layers");
}

TEST_CASE("an error in a layer names source, layer, entry and reason") {
  OciLayoutWriter layout;
  layout.only(layout.image({lower, TarWriter().file("../x").str()}));
  check_refused(layout, "source '");
  check_refused(layout, "layer 2 of 2 (sha256:");
  check_refused(layout, "entry '../x' at offset 0: path has a '..' part");
}

TEST_CASE("the image is chosen by its tag") {
  OciLayoutWriter layout;
  const Json first = layout.put(layout.image({lower}), oci_manifest_type);
  const Json second = layout.put(layout.image({lower, upper}), oci_manifest_type);
  layout.index(Json::array({tagged(first, "one"), tagged(second, "two")}));
  CHECK(layout.read("one").info.layers.size() == 1);
  CHECK(layout.read("two").info.layers.size() == 2);
  check_refused(layout, "the layout holds 2 images, name one by its tag; its tags: 'one', 'two'");
  check_refused(layout, "no image has the tag 'three'; its tags: 'one', 'two'", "three");
  layout.index(Json::array());
  check_refused(layout, "holds 0 images");
}

TEST_CASE("the image is chosen by its platform") {
  OciLayoutWriter layout;
  const Json one = layout.put(layout.image({lower}), oci_manifest_type);
  const Json attestation = for_platform(one, "unknown", "unknown");
  const auto nested = [&](const Json& manifests) {
    layout.index(Json::array({layout.put(
        Json{{"schemaVersion", 2}, {"mediaType", oci_index_type}, {"manifests", manifests}}, oci_index_type)}));
  };
  nested(Json::array({for_platform(one, "linux", "arm64"), for_platform(one, "linux", "amd64"), attestation}));
  CHECK_NOTHROW(layout.read());
  nested(Json::array({for_platform(one, "linux", "amd64", "v3"), for_platform(one, "linux", "amd64")}));
  CHECK_NOTHROW(layout.read());
  nested(Json::array({for_platform(one, "linux", "arm64", "v8"), for_platform(one, "windows", "amd64"), attestation}));
  check_refused(layout, "no image for linux/amd64; the index has: 'linux/arm64/v8', 'windows/amd64'");
  nested(Json::array({one}));
  CHECK_NOTHROW(layout.read());
  CHECK_THROWS_WITH(layout.read({}, "arm64"), has_text("the image is for 'linux/amd64', wanted is linux/arm64"));
}

TEST_CASE("N7_indexes_within_indexes_without_end_are_refused") {
  OciLayoutWriter layout;
  Json descriptor = layout.put(layout.image({lower}), oci_manifest_type);
  for (int depth = 0; depth < 5; ++depth) {
    descriptor = layout.put(Json{{"schemaVersion", 2}, {"manifests", Json::array({descriptor})}}, oci_index_type);
  }
  layout.index(Json::array({descriptor}));
  check_refused(layout, "more than 4 indexes");
}

TEST_CASE("what is no OCI layout is refused by what is missing") {
  OciLayoutWriter layout;
  check_refused(layout, "'index.json' is missing");
  layout.only(layout.image({lower}));
  layout.write("image/oci-layout", R"({"imageLayoutVersion":"9"})");
  check_refused(layout, "not an OCI layout of version 1.0.0");
  std::filesystem::remove(layout.scratch().path() / "image/oci-layout");
  check_refused(layout, "'oci-layout' is missing");
}

TEST_CASE("blobs that are links or no files are refused") {
  OciLayoutWriter layout;
  layout.only(layout.image({lower}));
  const auto blob = layout.scratch().path() / "image/blobs/sha256" / blob_digest(as_bytes(lower)).hex;
  std::filesystem::rename(blob, layout.scratch().path() / "elsewhere");
  std::filesystem::create_symlink("../../../elsewhere", blob);
  check_refused(layout, "symbolic link");
  std::filesystem::remove(blob);
  std::filesystem::create_directory(blob);
  check_refused(layout, "not a regular file");
}
