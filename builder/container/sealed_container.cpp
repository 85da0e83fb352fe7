// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/container/sealed_container.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

#include <nlohmann/json.hpp>

#include "builder/layer/limits.hpp"
#include "builder/layer/tar_output.hpp"
#include "builder/source/oci_types.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/json.hpp"

namespace sealroot {

namespace {

using nlohmann::json;

void append_number(std::string& text, std::uint64_t value, unsigned size_bytes) {
  for (unsigned i = 0; i < size_bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xff);
}

/// A gzip file that holds `data` as it is (RFC 1951, section 3.2.4). Tools compress layers that are not, which changes
/// their digests; a UKI is compressed in itself; and no version of a library changes these bytes.
std::string stored_gzip(std::string_view data) {
  constexpr std::size_t block_size = 0xffff;
  std::string file("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
  const uLong sum = ::crc32_z(0, as_bytes(data).data(), data.size());
  const std::size_t size = data.size();
  do {
    const std::string_view block = data.substr(0, block_size);
    data.remove_prefix(block.size());
    file += static_cast<char>(data.empty() ? 1 : 0);
    append_number(file, block.size(), 2);
    append_number(file, ~block.size(), 2);
    file += block;
  } while (!data.empty());
  append_number(file, sum, 4);
  append_number(file, size, 4);
  return file;
}

std::string_view compression_suffix(std::string_view media_type) {
  switch (layer_compression(media_type)) {
    case Compression::gzip:
      return "+gzip";
    case Compression::zstd:
      return "+zstd";
    default:
      return "";
  }
}

json descriptor_json(const std::string& media_type, const Descriptor& descriptor) {
  return {{"mediaType", media_type}, {"digest", descriptor.digest.text()}, {"size", descriptor.size}};
}

std::string rfc3339(std::int64_t timestamp) {
  const std::time_t seconds = timestamp;
  std::tm time{};
  std::array<char, 64> text{};
  if (::gmtime_r(&seconds, &time) == nullptr) throw Error(Fault::usage, "a time beyond all years");
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &time);
  return text.data();
}

std::string config_with_layer(const SealedContainerParts& parts, const BlobDigest& diff_id) {
  json config = parse_json(parts.config, {.depth = 64});
  config["rootfs"]["diff_ids"].push_back(diff_id.text());
  // Not every image tells its history; one that tells of its last layer only would be wrong.
  if (const auto history = config.find("history"); history != config.end() && history->is_array()) {
    history->push_back({{"created", rfc3339(parts.timestamp)}, {"created_by", "sealroot build"}});
  }
  return config.dump();
}

std::string manifest_with_layer(const SealedContainerParts& parts, const Descriptor& config, const Descriptor& layer) {
  const json source = parse_json(parts.manifest, {.depth = 64});
  json layers = source.at("layers");
  if (layers.size() >= max_layer_count) {
    throw Error(Fault::malformed, "the image has " + std::to_string(layers.size()) +
                                      " layers already, so that no layer can be added: at most " +
                                      std::to_string(max_layer_count) + " are allowed");
  }
  for (json& descriptor : layers) {
    descriptor["mediaType"] =
        std::string(oci_type::layer).append(compression_suffix(descriptor.at("mediaType").get<std::string>()));
  }
  layers.push_back(descriptor_json(layer.media_type, layer));
  json annotations = source.value("annotations", json::object());
  if (!annotations.is_object()) annotations = json::object();
  annotations["org.opencontainers.image.version"] = parts.version;
  annotations["composefs.merged.bootable.erofs.v1.fsverity-" + std::string(algorithm_name(parts.image.algorithm())) +
              "-12"] = to_hex(parts.image);
  return json{{"schemaVersion", 2},
              {"mediaType", oci_type::manifest},
              {"config", descriptor_json(oci_type::config, config)},
              {"layers", std::move(layers)},
              {"annotations", std::move(annotations)}}
      .dump();
}

}  // namespace

UkiLayer::UkiLayer(const Tree& tree) {
  const auto boot = find(tree, "boot");
  if (!boot) throw Error(Fault::malformed, "the image has no directory /boot");
  boot_ = tree[*boot].metadata;
  const auto others = find(tree, uki_folder);
  hides_others_ = others && tree[*others].directory() != nullptr && !tree[*others].directory()->children.empty();
}

std::string UkiLayer::with(const std::string& uki_name, ByteView uki, std::int64_t mtime_seconds) const {
  Metadata metadata;
  metadata.mtime_seconds = mtime_seconds;
  std::string tar = tar_entry_start({"boot/", boot_});
  for (const char* const folder : {"boot/EFI/", "boot/EFI/Linux/"}) tar += tar_entry_start({folder, metadata});
  metadata.permissions = 0644;
  const std::string folder = std::string(uki_folder) + "/";
  // Before the UKI: composefs-rs takes it for all that is there so far.
  if (hides_others_) tar += tar_entry_start({folder + ".wh..wh..opq", metadata});
  tar += tar_entry_start({folder + uki_name, metadata, uki.size()});
  tar += as_text(uki);
  return tar + tar_padding(uki.size()) + tar_end();
}

SealedContainer put_sealed_container(const SealedContainerParts& parts, BlobTarget& target) {
  SealedContainer sealed;
  const BlobDigest diff_id = blob_digest(as_bytes(parts.layer));
  const Descriptor layer =
      put_bytes(target, std::string(oci_type::layer) + "+gzip", as_bytes(stored_gzip(parts.layer)));
  sealed.layer = {layer.media_type, layer.digest, layer.size, diff_id};
  sealed.config = put_bytes(target, oci_type::config, as_bytes(config_with_layer(parts, diff_id)));
  const std::string manifest = manifest_with_layer(parts, sealed.config, layer);
  sealed.manifest.media_type = oci_type::manifest;
  sealed.manifest.digest = blob_digest(as_bytes(manifest));
  sealed.manifest.size = manifest.size();
  target.put_manifest(sealed.manifest, as_bytes(manifest));
  return sealed;
}

}  // namespace sealroot
