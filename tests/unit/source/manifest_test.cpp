// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include <cstdint>

#include "builder/source/manifest.hpp"

#include "oci_layout_writer.hpp"
#include "store/core/error.hpp"
#include "tests/catch.hpp"

using namespace sealroot;

namespace {

const std::string hex(64, 'a');

Json descriptor(const std::string& media_type) {
  return {{"mediaType", media_type}, {"digest", "sha256:" + hex}, {"size", 10}};
}

Json manifest() {
  return {{"schemaVersion", 2},
          {"mediaType", oci_manifest_type},
          {"config", descriptor(oci_config_type)},
          {"layers", Json::array({descriptor(oci_layer_type)})}};
}

Json index() { return {{"schemaVersion", 2}, {"manifests", Json::array({descriptor(oci_manifest_type)})}}; }

void check_refused(const Json& document, const std::string& reason, const std::string& media_type = oci_manifest_type) {
  CAPTURE(document.dump());
  CHECK_THROWS_WITH(parse_manifest(as_bytes(document.dump()), media_type), has_text(reason));
}

Json with(Json document, const std::string& pointer, const Json& value) {
  document[Json::json_pointer(pointer)] = value;
  return document;
}

}  // namespace

TEST_CASE("a manifest gives its config, layers and annotations") {
  const Json document = with(manifest(), "/annotations", {{"a", "b"}});
  const Manifest parsed = parse_manifest(as_bytes(document.dump()), oci_manifest_type);
  CHECK(parsed.config.digest.text() == "sha256:" + hex);
  CHECK(parsed.layers.size() == 1);
  CHECK(parsed.layers[0].size == 10);
  CHECK(parsed.annotations == Labels{{"a", "b"}});
  for (const std::string type : {"", "+gzip", "+zstd"}) CHECK_NOTHROW(layer_compression(oci_layer_type + type));
  CHECK(layer_compression("application/vnd.docker.image.rootfs.diff.tar.gzip") == Compression::gzip);
}

TEST_CASE("N7_documents_of_two_kinds_or_other_than_their_descriptor_says_are_refused") {
  check_refused(with(manifest(), "/manifests", Json::array()), "ambiguous manifest");
  check_refused(index(), "ambiguous manifest");
  check_refused(Json{{"schemaVersion", 2}}, "ambiguous manifest");
  check_refused(with(manifest(), "/mediaType", oci_index_type), "ambiguous manifest");
  check_refused(with(manifest(), "/mediaType", "text/plain"), "ambiguous manifest");
  check_refused(manifest(), "ambiguous manifest", "application/vnd.docker.distribution.manifest.v2+json");
  check_refused(with(manifest(), "/schemaVersion", 1), "'schemaVersion' is not 2");
  check_refused(with(manifest(), "/mediaType", 7), "'mediaType' is not a string");
  check_refused(Json::array(), "not a JSON object");
  check_refused("text", "not a JSON object");
  check_refused(with(manifest(), "/config", Json::array()), "'config' is not an object");
  check_refused(with(manifest(), "/config/mediaType", "application/vnd.oci.empty.v1+json"), "not a container image");
  check_refused(with(manifest(), "/layers", 1), "'layers' is not an array");
  check_refused(with(manifest(), "/layers/0", "x"), "descriptor is not an object");
  for (const std::string type : {oci_manifest_type, oci_index_type}) {
    CHECK_THROWS_WITH(parse_index(as_bytes(manifest().dump()), type), has_text("ambiguous manifest"));
  }
  CHECK_THROWS_WITH(parse_index(as_bytes(with(index(), "/layers", Json::array()).dump()), {}),
                    has_text("ambiguous manifest"));
  CHECK_THROWS_WITH(parse_index(as_bytes(with(index(), "/config", Json::object()).dump()), {}),
                    has_text("ambiguous manifest"));
}

TEST_CASE("N6_layers_to_be_fetched_from_elsewhere_are_refused") {
  check_refused(with(manifest(), "/layers/0/urls", Json::array({"https://example.com/x"})), "'urls'");
  check_refused(with(manifest(), "/config/urls", Json::array({"file:///etc/shadow"})), "'urls'");
  check_refused(with(manifest(), "/layers/0/mediaType", "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"),
                "not distributable");
  check_refused(with(manifest(), "/layers/0/mediaType", "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"),
                "not distributable");
  check_refused(with(manifest(), "/layers/0/mediaType", "application/vnd.oci.image.layer.v1.tar+brotli"),
                "unknown media type");
}

TEST_CASE("N8_descriptors_with_bad_digests_or_sizes_are_refused") {
  for (const std::string digest : {"", "sha256:../../x", "sha1:aa", "sha256:short"}) {
    check_refused(with(manifest(), "/layers/0/digest", digest), "blob digest");
  }
  check_refused(with(manifest(), "/layers/0/digest", 1), "'digest' is not a string");
  for (const Json& size : {Json(-1), Json(1.5), Json("10"), Json(nullptr), Json(UINT64_MAX)}) {
    check_refused(with(manifest(), "/layers/0/size", size), "'size' is not a size");
  }
}

TEST_CASE("N10_JSON_bombs_are_refused") {
  std::string text = manifest().dump();
  text.insert(1, R"("schemaVersion":2,)");
  CHECK_THROWS_AS(parse_manifest(as_bytes(text), oci_manifest_type), Error);
  CHECK_THROWS_AS(parse_manifest(as_bytes(std::string(100000, '[')), oci_manifest_type), Error);
  Json deep = 1;
  for (int i = 0; i < 70; ++i) deep = Json::array({deep});
  CHECK_THROWS_AS(parse_manifest(as_bytes(with(manifest(), "/x", deep).dump()), oci_manifest_type), Error);
  CHECK_THROWS_AS(parse_manifest(as_bytes(manifest().dump() + std::string(5U << 20, ' ')), oci_manifest_type), Error);
  CHECK_THROWS_AS(parse_manifest(as_bytes(manifest().dump() + "x"), oci_manifest_type), Error);
  Json many = manifest();
  for (int i = 0; i < 127; ++i) many["layers"].push_back(descriptor(oci_layer_type));
  check_refused(many, "128 layers; at most 127");
}

TEST_CASE("a config gives platform, labels and diff IDs") {
  const Json document{{"architecture", "arm64"},
                      {"os", "linux"},
                      {"created", "2024-01-01T00:00:00Z"},
                      {"config", {{"Labels", {{"a", "b"}}}}},
                      {"rootfs", {{"type", "layers"}, {"diff_ids", {"sha256:" + hex}}}}};
  const ImageConfig config = parse_image_config(as_bytes(document.dump()));
  CHECK(config.architecture == "arm64");
  CHECK(config.created == "2024-01-01T00:00:00Z");
  CHECK(config.labels == Labels{{"a", "b"}});
  CHECK(config.diff_ids.size() == 1);
  CHECK_THROWS_WITH(parse_image_config(as_bytes("{}")), has_text("has no 'rootfs'"));
  CHECK_THROWS_WITH(parse_image_config(as_bytes(with(document, "/rootfs/type", "x").dump())), has_text("not of type"));
  CHECK_THROWS_WITH(parse_image_config(as_bytes(with(document, "/rootfs/diff_ids/0", "x").dump())),
                    has_text("blob digest"));
}
