// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// OCI layouts on disk, right or wrong in one place.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "builder/layer/blob_digest.hpp"
#include "builder/source/source.hpp"
#include "tests/scratch.hpp"

namespace sealroot {

using Json = nlohmann::ordered_json;

inline constexpr const char* oci_manifest_type = "application/vnd.oci.image.manifest.v1+json";
inline constexpr const char* oci_index_type = "application/vnd.oci.image.index.v1+json";
inline constexpr const char* oci_config_type = "application/vnd.oci.image.config.v1+json";
inline constexpr const char* oci_layer_type = "application/vnd.oci.image.layer.v1.tar";

class OciLayoutWriter {
 public:
  OciLayoutWriter() {
    make_directories(scratch_.directory(), "image/blobs/sha256");
    write("image/oci-layout", R"({"imageLayoutVersion":"1.0.0"})");
  }

  void write(const std::string& path, const std::string& bytes) {
    std::filesystem::remove(scratch_.path() / path);
    write_new_file(scratch_.directory(), path, as_bytes(bytes));
  }

  /// Stores a blob and returns its descriptor.
  Json put(const std::string& bytes, const std::string& media_type) {
    const BlobDigest digest = blob_digest(as_bytes(bytes));
    write("image/blobs/sha256/" + digest.hex, bytes);
    return {{"mediaType", media_type}, {"digest", digest.text()}, {"size", bytes.size()}};
  }
  Json put(const Json& document, const std::string& media_type) { return put(document.dump(), media_type); }

  Json config(const std::vector<std::string>& diff_ids) const {
    return {{"architecture", "amd64"},
            {"os", "linux"},
            {"config", {{"Labels", {{"version", "7"}}}}},
            {"rootfs", {{"type", "layers"}, {"diff_ids", diff_ids}}}};
  }

  static std::string diff_id(const std::string& layer) { return blob_digest(as_bytes(layer)).text(); }

  Json manifest(const Json& config, const Json& layers) {
    return {{"schemaVersion", 2},
            {"mediaType", oci_manifest_type},
            {"config", put(config, oci_config_type)},
            {"layers", layers}};
  }

  /// An image of plain tar layers; returns the manifest, which is not stored yet.
  Json image(const std::vector<std::string>& layers) {
    Json descriptors = Json::array();
    std::vector<std::string> diff_ids;
    for (const std::string& layer : layers) {
      descriptors.push_back(put(layer, oci_layer_type));
      diff_ids.push_back(diff_id(layer));
    }
    return manifest(config(diff_ids), descriptors);
  }

  void index(const Json& manifests) {
    write("image/index.json", Json{{"schemaVersion", 2}, {"manifests", manifests}}.dump());
  }

  /// Makes `manifest` the only image of the layout.
  OciLayoutWriter& only(const Json& manifest) {
    index(Json::array({put(manifest, oci_manifest_type)}));
    return *this;
  }

  SourceResult read(const std::string& tag = {}, const std::string& architecture = "amd64") const {
    Ingest ingest(nullptr, Algorithm::sha256, 1);
    return read_source("oci:" + path() + (tag.empty() ? "" : ":" + tag), {.architecture = architecture}, ingest);
  }

  std::string path() const { return (scratch_.path() / "image").string(); }
  const Scratch& scratch() const { return scratch_; }

 private:
  Scratch scratch_;
};

}  // namespace sealroot
