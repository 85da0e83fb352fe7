// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/source/manifest.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "builder/layer/limits.hpp"
#include "store/core/error.hpp"
#include "store/json.hpp"

namespace sealroot {

namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 2> index_types{"application/vnd.oci.image.index.v1+json",
                                                      "application/vnd.docker.distribution.manifest.list.v2+json"};
constexpr std::array<std::string_view, 2> manifest_types{"application/vnd.oci.image.manifest.v1+json",
                                                         "application/vnd.docker.distribution.manifest.v2+json"};
constexpr std::array<std::string_view, 2> config_types{"application/vnd.oci.image.config.v1+json",
                                                       "application/vnd.docker.container.image.v1+json"};

struct LayerType {
  std::string_view media_type;
  Compression compression;
};
constexpr std::array<LayerType, 6> layer_types{{
    {"application/vnd.oci.image.layer.v1.tar", Compression::none},
    {"application/vnd.oci.image.layer.v1.tar+gzip", Compression::gzip},
    {"application/vnd.oci.image.layer.v1.tar+zstd", Compression::zstd},
    {"application/vnd.docker.image.rootfs.diff.tar", Compression::none},
    {"application/vnd.docker.image.rootfs.diff.tar.gzip", Compression::gzip},
    {"application/vnd.docker.image.rootfs.diff.tar.zstd", Compression::zstd},
}};

Error bad(const std::string& reason) { return {Fault::malformed, reason}; }

template <std::size_t count>
bool is_one_of(const std::array<std::string_view, count>& known, std::string_view text) {
  return std::find(known.begin(), known.end(), text) != known.end();
}

const json& member(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) throw bad("has no '" + std::string(key) + "'");
  return *found;
}

const json& object_member(const json& object, const char* key) {
  const json& value = member(object, key);
  if (!value.is_object()) throw bad("'" + std::string(key) + "' is not an object");
  return value;
}

const json& array_member(const json& object, const char* key) {
  const json& value = member(object, key);
  if (!value.is_array()) throw bad("'" + std::string(key) + "' is not an array");
  return value;
}

std::string as_string(const json& value, std::string_view key) {
  if (!value.is_string()) throw bad("'" + std::string(key) + "' is not a string");
  return value.get<std::string>();
}

std::string string_member(const json& object, const char* key) { return as_string(member(object, key), key); }

std::string optional_string(const json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? std::string{} : as_string(*found, key);
}

Labels optional_labels(const json& object, const char* key) {
  Labels labels;
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return labels;
  if (!found->is_object()) throw bad("'" + std::string(key) + "' is not an object");
  for (const auto& [name, value] : found->items()) labels.emplace(name, as_string(value, key));
  return labels;
}

Descriptor parse_descriptor(const json& value) {
  if (!value.is_object()) throw bad("descriptor is not an object");
  Descriptor descriptor;
  descriptor.media_type = string_member(value, "mediaType");
  descriptor.digest = parse_blob_digest(string_member(value, "digest"));
  const json& size = member(value, "size");
  if (!size.is_number_unsigned() || size.get<std::uint64_t>() > INT64_MAX) throw bad("'size' is not a size in bytes");
  descriptor.size = size.get<std::uint64_t>();
  if (const auto urls = value.find("urls"); urls != value.end() && !urls->empty()) {
    throw bad("blob " + descriptor.digest.text() + " is to be fetched from elsewhere ('urls'), which is refused");
  }
  descriptor.annotations = optional_labels(value, "annotations");
  if (const auto platform = value.find("platform"); platform != value.end() && !platform->is_null()) {
    if (!platform->is_object()) throw bad("'platform' is not an object");
    descriptor.platform = Platform{optional_string(*platform, "os"), optional_string(*platform, "architecture"),
                                   optional_string(*platform, "variant")};
  }
  return descriptor;
}

/// A document that says of itself what its descriptor says, and only that.
json parse_document(ByteView text, std::string_view media_type, bool is_index) {
  json document = parse_json(text, {.size_bytes = max_json_size, .depth = 64});
  if (!document.is_object()) throw bad("not a JSON object");
  const bool looks_like_index = document.contains("manifests");
  const bool looks_like_manifest =
      document.contains("layers") || document.contains("config") || document.contains("fsLayers");
  if (looks_like_index == looks_like_manifest || looks_like_index != is_index) {
    throw bad("ambiguous manifest: not clearly an " + std::string(is_index ? "index" : "image manifest"));
  }
  const std::string own_type = optional_string(document, "mediaType");
  const bool known =
      is_index ? own_type.empty() || is_index_type(own_type) : own_type.empty() || is_manifest_type(own_type);
  if (!known || (!media_type.empty() && !own_type.empty() && own_type != media_type)) {
    throw bad("ambiguous manifest: it calls itself " + quoted(own_type) +
              (media_type.empty() ? "" : ", its descriptor " + quoted(media_type)));
  }
  if (const json& version = member(document, "schemaVersion"); version != 2) throw bad("'schemaVersion' is not 2");
  return document;
}

}  // namespace

std::string Platform::text() const { return os + "/" + architecture + (variant.empty() ? "" : "/" + variant); }

bool is_index_type(std::string_view media_type) { return is_one_of(index_types, media_type); }
bool is_manifest_type(std::string_view media_type) { return is_one_of(manifest_types, media_type); }

Compression layer_compression(std::string_view media_type) {
  for (const LayerType& type : layer_types) {
    if (type.media_type == media_type) return type.compression;
  }
  if (media_type.find("nondistributable") != std::string_view::npos ||
      media_type.find("foreign") != std::string_view::npos) {
    throw bad("layer of media type " + quoted(media_type) + " is not distributable, which is refused");
  }
  throw bad("unknown media type " + quoted(media_type) + " of a layer");
}

Index parse_index(ByteView text, std::string_view media_type) {
  const json document = parse_document(text, media_type, true);
  Index index;
  for (const json& value : array_member(document, "manifests")) index.manifests.push_back(parse_descriptor(value));
  return index;
}

Manifest parse_manifest(ByteView text, std::string_view media_type) {
  const json document = parse_document(text, media_type, false);
  Manifest manifest;
  manifest.config = parse_descriptor(object_member(document, "config"));
  if (!is_one_of(config_types, manifest.config.media_type)) {
    throw bad("unknown media type " + sealroot::quoted(manifest.config.media_type) +
              " of the config: not a container image");
  }
  const json& layers = array_member(document, "layers");
  if (layers.size() > max_layer_count) {
    throw bad(std::to_string(layers.size()) + " layers; at most " + std::to_string(max_layer_count) + " are allowed");
  }
  for (const json& value : layers) {
    manifest.layers.push_back(parse_descriptor(value));
    layer_compression(manifest.layers.back().media_type);
  }
  manifest.annotations = optional_labels(document, "annotations");
  return manifest;
}

ImageConfig parse_image_config(ByteView text) {
  const json document = parse_json(text, {.size_bytes = max_json_size, .depth = 64});
  if (!document.is_object()) throw bad("not a JSON object");
  ImageConfig config;
  config.os = optional_string(document, "os");
  config.architecture = optional_string(document, "architecture");
  if (document.contains("created") && !document["created"].is_null()) {
    config.created = as_string(document["created"], "created");
  }
  if (const auto inner = document.find("config"); inner != document.end() && inner->is_object()) {
    config.labels = optional_labels(*inner, "Labels");
  }
  const json& rootfs = object_member(document, "rootfs");
  if (string_member(rootfs, "type") != "layers") throw bad("'rootfs' is not of type 'layers'");
  for (const json& value : array_member(rootfs, "diff_ids")) {
    config.diff_ids.push_back(parse_blob_digest(as_string(value, "diff_ids")));
  }
  return config;
}

}  // namespace sealroot
