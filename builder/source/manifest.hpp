// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The JSON documents of an OCI image (index, manifest, config), Docker's twins of them included, turned into checked
// values. Nothing is read here but the bytes given. Source: OCI image specification 1.1.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "builder/layer/blob_digest.hpp"
#include "builder/layer/decompress.hpp"
#include "store/core/bytes.hpp"

namespace sealroot {

using Labels = std::map<std::string, std::string>;

struct Platform {
  std::string os;
  std::string architecture;
  std::string variant;

  /// `linux/arm64/v8`
  std::string text() const;
};

struct Descriptor {
  std::string media_type;
  BlobDigest digest;
  std::uint64_t size = 0;
  Labels annotations;
  std::optional<Platform> platform;
};

struct Index {
  std::vector<Descriptor> manifests;
};

struct Manifest {
  Descriptor config;
  std::vector<Descriptor> layers;  // lowest first
  Labels annotations;
};

struct ImageConfig {
  std::string os;
  std::string architecture;
  std::optional<std::string> created;  // RFC 3339, as it stands in the config
  Labels labels;
  std::vector<BlobDigest> diff_ids;
};

bool is_index_type(std::string_view media_type);
bool is_manifest_type(std::string_view media_type);

/// The compression that a layer's media type stands for; Error{malformed} for unknown and non-distributable ones.
Compression layer_compression(std::string_view media_type);

/// `media_type` is what the descriptor of the document says; empty for index.json, which has none.
///   throws   Error{malformed}: `ambiguous manifest` if the body is of another kind than its descriptor says or of two
///            kinds at once, a key given twice, missing or mistyped members, foreign layers (`urls`)
Index parse_index(ByteView json, std::string_view media_type);
Manifest parse_manifest(ByteView json, std::string_view media_type);
ImageConfig parse_image_config(ByteView json);

}  // namespace sealroot
