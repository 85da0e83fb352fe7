// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/meta.hpp"

#include <algorithm>

#include "store/core/error.hpp"
#include "store/json.hpp"

namespace sealroot {

namespace {

using nlohmann::json;

constexpr std::uint64_t known_version = 1;
constexpr std::string_view v1_feature = "v1_erofs";
constexpr JsonLimits meta_limits{.size_bytes = 64 << 10, .depth = 8};

std::string algorithm_token(Algorithm algorithm) {
  return "fsverity-" + std::string(algorithm_name(algorithm)) + "-" + std::to_string(verity_log_block_size);
}

const json* find(const json& object, const char* key) {
  if (!object.is_object()) throw Error(Fault::malformed, "an object was expected");
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

std::uint64_t require_number(const json& object, const char* key) {
  const json* value = find(object, key);
  if (value == nullptr || !value->is_number_unsigned()) {
    throw Error(Fault::malformed, quoted(key) + " is not a whole number");
  }
  return value->get<std::uint64_t>();
}

Algorithm read_algorithm(const json& document) {
  const json* value = find(document, "algorithm");
  if (value == nullptr || !value->is_string()) throw Error(Fault::malformed, "'algorithm' is not a string");
  const auto& name = value->get_ref<const std::string&>();
  for (const Algorithm algorithm : {Algorithm::sha256, Algorithm::sha512}) {
    if (name == algorithm_token(algorithm)) return algorithm;
  }
  throw Error(Fault::malformed, "algorithm " + quoted(name) + " is not known");
}

std::vector<std::string> read_features(const json& document, const char* kind) {
  const json* features = find(document, "features");
  const json* list = features == nullptr ? nullptr : find(*features, kind);
  std::vector<std::string> names;
  if (list == nullptr) return names;
  if (!list->is_array()) throw Error(Fault::malformed, quoted(kind) + " is not a list");
  for (const json& name : *list) {
    if (!name.is_string()) throw Error(Fault::malformed, quoted(kind) + " holds something that is not a string");
    names.push_back(name.get<std::string>());
  }
  return names;
}

ImageFormat read_image_format(const json& document, bool v1_listed) {
  const json* formats = find(document, "erofs_formats");
  if (formats == nullptr) return v1_listed ? ImageFormat::v1 : ImageFormat::v2;
  const std::uint64_t format = require_number(*formats, "default");
  if (format > 2) throw Error(Fault::malformed, "EROFS format " + std::to_string(format) + " is not known");
  return static_cast<ImageFormat>(format);
}

}  // namespace

std::string new_meta_json(Algorithm algorithm) {
  using Object = nlohmann::ordered_json;
  const Object features = {
      {"compatible", Object::array()}, {"read-only-compatible", {v1_feature}}, {"incompatible", Object::array()}};
  const Object document = {{"version", known_version},
                           {"algorithm", algorithm_token(algorithm)},
                           {"features", features},
                           {"erofs_formats", {{"default", 1}}}};
  return document.dump(2) + "\n";
}

RepositoryMeta parse_meta(ByteView text) {
  const json document = parse_json(text, meta_limits);
  const std::uint64_t version = require_number(document, "version");
  if (version > known_version) {
    throw Error(Fault::malformed, "version " + std::to_string(version) + " is newer than this program knows");
  }
  const std::vector<std::string> incompatible = read_features(document, "incompatible");
  if (!incompatible.empty()) {
    throw Error(Fault::malformed, "needs feature " + quoted(incompatible.front()) + ", which this program lacks");
  }
  std::vector<std::string> read_only = read_features(document, "read-only-compatible");
  const bool v1_listed = std::erase(read_only, v1_feature) > 0;
  return {read_algorithm(document), read_image_format(document, v1_listed), std::move(read_only)};
}

}  // namespace sealroot
