// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/record.hpp"

#include <sys/stat.h>

#include "builder/layer/blob_digest.hpp"
#include "builder/uki/authenticode.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"

namespace sealroot {

using Json = nlohmann::ordered_json;

namespace {

/// A digest as text that names its algorithm, such as `sha512:<hex>`.
std::string digest_text(const Digest& digest) {
  return std::string(algorithm_name(digest.algorithm())) + ":" + to_hex(digest);
}

Json file_json(ByteView content) { return {{"size", content.size()}, {"sha256", blob_digest(content).hex}}; }

Json file_json(const BootFile& file) {
  Json json{{"origin", file.origin}};
  json.update(file_json(file.content));
  return json;
}

Json source_json(const SourceInfo& source) {
  Json json{{"transport", source.transport}};
  if (source.manifest_digest) json["manifest"] = source.manifest_digest->text();
  if (source.config_digest) json["config"] = source.config_digest->text();
  if (source.archive_digest) json["archive"] = source.archive_digest->text();
  json["architecture"] = source.config.architecture;
  if (source.config.created) json["created"] = *source.config.created;
  if (!source.layers.empty()) json["layers"] = Json::array();
  for (const LayerInfo& layer : source.layers) {
    json["layers"].push_back({{"media_type", layer.media_type},
                              {"digest", layer.digest.text()},
                              {"size", layer.size},
                              {"diff_id", layer.diff_id.text()}});
  }
  if (!source.config.labels.empty()) json["labels"] = source.config.labels;
  return json;
}

}  // namespace

BuildRecord::BuildRecord(const BuildOptions& options, const SourceInfo& source) {
  json_["version"] = 1;
  json_["tool"] = {{"name", "sealroot"}, {"version", SEALROOT_VERSION}};
  json_["source"] = source_json(source);
  json_["options"] = {{"digest", algorithm_name(options.algorithm)},
                      {"initrd", options.initrd == "minimal" ? "minimal" : "file"},
                      {"keep_user_xattrs", options.keep_user_xattrs},
                      {"etc", options.etc},
                      {"var", options.var},
                      {"on_failure", options.on_failure},
                      {"allow_cmdline", options.allow}};
}

void BuildRecord::add_image(const Digest& image, std::uint64_t size_bytes, const ObjectStore& store,
                            const std::vector<Digest>& objects) {
  std::uint64_t total_bytes = 0;
  for (const Digest& object : objects) {
    struct stat info {};
    if (::fstatat(store.directory().get(), object_path(object).c_str(), &info, AT_SYMLINK_NOFOLLOW) < 0) {
      throw os_error("object " + object_path(object));
    }
    total_bytes += static_cast<std::uint64_t>(info.st_size);
  }
  json_["image"] = {{"format", "v1"}, {"boot_form", true}, {"digest", digest_text(image)}, {"size", size_bytes}};
  json_["objects"] = {{"count", objects.size()}, {"size", total_bytes}};
}

void BuildRecord::add_uki(const std::string& name, const Bytes& uki, const UkiParts& parts, const Kernel& kernel,
                          const BootFile& stub, const std::optional<Signer>& signer) {
  json_["kernel"] = file_json(kernel.file);
  json_["kernel"]["release"] = kernel.version;
  json_["stub"] = file_json(stub);
  json_["initrd"] = file_json(parts.initrd);
  Json entry{{"file", name}};
  entry.update(file_json(uki));
  entry["authenticode"] = to_hex(authenticode_digest(uki));
  entry["cmdline"] = parts.cmdline;
  entry["signer"] = nullptr;
  if (signer) {
    entry["signer"] = {{"subject", signer->certificate().subject()},
                       {"sha256", blob_digest(signer->certificate().der()).hex}};
  }
  json_["uki"] = entry;
}

void BuildRecord::add_disk(const std::string& name, const DiskLayout& layout, const BootFile& boot_loader) {
  json_["boot_loader"] = file_json(boot_loader);
  json_["disk"] = {
      {"file", name},
      {"size", layout.size_bytes},
      {"uuid", layout.disk_uuid},
      {"esp", {{"offset", layout.esp_offset_bytes}, {"size", layout.esp_size_bytes}, {"uuid", layout.esp_uuid}}},
      {"root",
       {{"offset", layout.root_offset_bytes},
        {"size", layout.root_size_bytes},
        {"uuid", layout.root_uuid},
        {"file_system_uuid", layout.file_system_uuid}}}};
}

}  // namespace sealroot
