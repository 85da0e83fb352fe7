// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/source/docker_archive.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <vector>

#include <nlohmann/json.hpp>

#include "builder/layer/decompress.hpp"
#include "builder/layer/entry_path.hpp"
#include "builder/layer/limits.hpp"
#include "builder/source/archive_files.hpp"
#include "builder/source/oci_types.hpp"
#include "store/core/error.hpp"
#include "store/json.hpp"

namespace sealroot {

namespace {

using nlohmann::json;

struct SavedImage {
  std::string config;
  std::vector<std::string> names;
  std::vector<std::string> layers;
};

std::string text_of(const json& value, const char* key) {
  if (!value.is_string()) throw Error(Fault::malformed, "'" + std::string(key) + "' is not a string");
  return value.get<std::string>();
}

/// Null, which docker writes for an image without a name, counts as an empty list.
std::vector<std::string> texts_of(const json& object, const char* key) {
  std::vector<std::string> texts;
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return texts;
  if (!found->is_array()) throw Error(Fault::malformed, "'" + std::string(key) + "' is not an array");
  for (const json& value : *found) texts.push_back(text_of(value, key));
  return texts;
}

std::vector<SavedImage> parse_saved_images(ByteView text) {
  const json document = parse_json(text);
  if (!document.is_array()) throw Error(Fault::malformed, "not a JSON array");
  std::vector<SavedImage> images;
  for (const json& value : document) {
    if (!value.is_object() || !value.contains("Config")) throw Error(Fault::malformed, "an image without 'Config'");
    images.push_back({text_of(value["Config"], "Config"), texts_of(value, "RepoTags"), texts_of(value, "Layers")});
  }
  return images;
}

/// `busybox` and `docker.io/library/busybox:latest` are the same.
std::string full_name(std::string name) {
  for (const std::string_view prefix : {"docker.io/", "library/"}) {
    if (name.starts_with(prefix)) name.erase(0, prefix.size());
  }
  const bool tagged = name.find(':', name.rfind('/') == std::string::npos ? 0 : name.rfind('/')) != std::string::npos;
  return tagged ? name : name + ":latest";
}

const SavedImage& choose_saved(const std::vector<SavedImage>& images, const std::string& name) {
  std::vector<const SavedImage*> found;
  std::string known;
  for (const SavedImage& image : images) {
    const bool named = std::any_of(image.names.begin(), image.names.end(),
                                   [&](const std::string& own) { return full_name(own) == full_name(name); });
    if (name.empty() || named) found.push_back(&image);
    for (const std::string& own : image.names) known += (known.empty() ? "" : ", ") + quoted(own);
  }
  if (found.size() == 1) return *found.front();
  const std::string what =
      name.empty() ? "the archive holds " + std::to_string(images.size()) + " images, name one"
                   : (found.empty() ? "no image" : "more than one image") + std::string(" named ") + quoted(name);
  throw Error(Fault::missing, what + "; its names: " + (known.empty() ? "none" : known));
}

class DockerArchive final : public BlobSource {
 public:
  DockerArchive(ArchiveFiles files, const SavedImage& image) : files_(std::move(files)) {
    const Descriptor config = add_config(normalise_path(image.config));
    if (image.layers.size() != diff_ids_.size()) {
      throw Error(Fault::malformed, "'Layers' has " + std::to_string(image.layers.size()) + " layers, the config " +
                                        std::to_string(diff_ids_.size()) + " diff IDs");
    }
    nlohmann::ordered_json manifest{
        {"schemaVersion", 2}, {"mediaType", oci_type::manifest}, {"config", json_of(config)}};
    manifest["layers"] = nlohmann::ordered_json::array();
    for (std::size_t i = 0; i < image.layers.size(); ++i) {
      manifest["layers"].push_back(json_of(add_layer(normalise_path(image.layers[i]), diff_ids_[i])));
    }
    document_ = manifest.dump();
    root_ = {oci_type::manifest, blob_digest(as_bytes(document_), Algorithm::sha256), document_.size(), {}, {}};
  }

  const Descriptor& root() const { return root_; }

  std::unique_ptr<ByteStream> open(const Descriptor& descriptor) const override {
    if (descriptor.digest == root_.digest) return std::make_unique<ViewStream>(as_bytes(document_));
    const auto found = paths_.find(descriptor.digest.text());
    if (found == paths_.end()) throw Error(Fault::missing, "blob " + descriptor.digest.text() + " is missing");
    return files_.open_file(found->second);
  }

 private:
  static nlohmann::ordered_json json_of(const Descriptor& descriptor) {
    return {{"mediaType", descriptor.media_type}, {"digest", descriptor.digest.text()}, {"size", descriptor.size}};
  }

  Descriptor add_config(const std::string& path) {
    const std::uint64_t size = files_.size_bytes(path);
    if (size > max_json_size) throw Error(Fault::malformed, quoted(path) + ": larger than the limit of 4 MiB");
    Bytes config(static_cast<std::size_t>(size));
    read_full(*files_.open_file(path), config);
    diff_ids_ = during(quoted(path), [&] { return parse_image_config(config).diff_ids; });
    return add({oci_type::config, blob_digest(config, Algorithm::sha256), size, {}, {}}, path);
  }

  /// The digest of a plain layer is its diff ID, and compared with it when the layer is read.
  Descriptor add_layer(const std::string& path, const BlobDigest& diff_id) {
    std::array<std::uint8_t, 6> start{};
    const std::size_t started = read_full(*files_.open_file(path), start);
    const Compression compression = detect_compression(ByteView(start).first(started));
    Descriptor layer{oci_type::layer, diff_id, files_.size_bytes(path), {}, {}};
    if (compression != Compression::none) {
      layer.media_type += "+" + std::string(compression_name(compression));
      layer.digest = digest_of(*files_.open_file(path));
    }
    return add(layer, path);
  }

  static BlobDigest digest_of(ByteStream& stream) {
    BlobHasher hasher(Algorithm::sha256);
    Bytes buffer(std::size_t{1} << 18);
    while (const std::size_t got = stream.read(buffer)) hasher.update(ByteView(buffer).first(got));
    return hasher.finish();
  }

  Descriptor add(const Descriptor& descriptor, const std::string& path) {
    paths_.emplace(descriptor.digest.text(), path);
    return descriptor;
  }

  ArchiveFiles files_;
  std::vector<BlobDigest> diff_ids_;
  std::map<std::string, std::string> paths_;  // in the archive, by blob digest
  std::string document_;
  Descriptor root_;
};

}  // namespace

OpenContainer open_docker_archive(const std::string& path, const std::string& name) {
  ArchiveFiles files = ArchiveFiles::open(path, ArchiveFiles::Links::follow);
  return during("reading " + quoted(path), [&]() -> OpenContainer {
    Bytes list(static_cast<std::size_t>(std::min<std::uint64_t>(files.size_bytes("manifest.json"), max_json_size + 1)));
    read_full(*files.open_file("manifest.json"), list);
    const std::vector<SavedImage> images = during("'manifest.json'", [&] { return parse_saved_images(list); });
    auto archive = std::make_unique<DockerArchive>(std::move(files), choose_saved(images, name));
    const Descriptor root = archive->root();
    return {std::move(archive), root};
  });
}

}  // namespace sealroot
