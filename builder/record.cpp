// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/record.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "builder/layer/blob_digest.hpp"
#include "builder/uki/authenticode.hpp"
#include "builder/uki/certificate.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"

namespace sealroot {

using Json = nlohmann::ordered_json;

namespace {

Json file_json(ByteView content) { return {{"size", content.size()}, {"sha256", blob_digest(content).hex}}; }

Json file_json(const BootFile& file) {
  Json json{{"origin", file.origin}};
  json.update(file_json(file.content));
  return json;
}

Json layer_json(const LayerInfo& layer) {
  return {{"media_type", layer.media_type},
          {"digest", layer.digest.text()},
          {"size", layer.size},
          {"diff_id", layer.diff_id.text()}};
}

Json source_json(const SourceInfo& source) {
  Json json{{"transport", source.transport}};
  if (source.manifest_digest) json["manifest"] = source.manifest_digest->text();
  if (source.config_digest) json["config"] = source.config_digest->text();
  if (source.archive_digest) json["archive"] = source.archive_digest->text();
  json["architecture"] = source.config.architecture;
  if (source.config.created) json["created"] = *source.config.created;
  if (!source.layers.empty()) json["layers"] = Json::array();
  for (const LayerInfo& layer : source.layers) json["layers"].push_back(layer_json(layer));
  if (!source.config.labels.empty()) json["labels"] = source.config.labels;
  return json;
}

/// By the names of the command line, as it has to be given to get the same bytes: what was left to a default has the
/// value that it got. "file": the option names a file, see `inputs` (--kernel: `kernel`).
Json options_json(const BuildOptions& options, const SourceInfo& source, const Release& release,
                  const FoundKernel& kernel) {
  Json json{{"digest", algorithm_name(options.algorithm)},
            {"arch", source.config.architecture},
            {"xattrs", xattr_rule_name(options.xattrs)},
            {"selinux", label_mode_name(options.labels)},
            {"kernel", names_file(options.kernel) ? "file" : kernel.version},
            {"initrd", options.initrd == "minimal" || options.initrd == "image" ? options.initrd : "file"},
            {"pivot", nullptr},
            {"uki-config", names_file(options.uki_config) ? "file" : options.uki_config},
            {"cmdline", nullptr},
            {"image-id", release.image_id},
            {"image-version", release.image_version},
            {"etc", options.etc},
            {"var", options.var},
            {"on-failure", options.on_failure},
            {"allow-cmdline", options.allow},
            {"unsealed", options.unsealed},
            {"unsigned", options.unsigned_uki},
            {"phases", options.phases},
            {"pcr-banks", options.pcr_banks},
            {"no-streams", !options.streams},
            {"tag", nullptr},
            {"oci-out", nullptr},
            {"no-disk", !options.disk},
            {"disk-size", nullptr}};
  if (options.tag) json["tag"] = *options.tag;
  if (options.pivot) json["pivot"] = "file";
  if (options.container) json["oci-out"] = "file";
  if (options.cmdline) json["cmdline"] = *options.cmdline;
  if (options.disk_size != 0) json["disk-size"] = options.disk_size;
  return json;
}

std::string file_sha256(const Fd& file) {
  BlobHasher hasher(Algorithm::sha256);
  Bytes buffer(1U << 20);
  for (off_t offset = 0;;) {
    const ssize_t got = ::pread(file.get(), buffer.data(), buffer.size(), offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw os_error("reading back");
    if (got == 0) return hasher.finish().hex;
    hasher.update(ByteView(buffer).first(static_cast<std::size_t>(got)));
    offset += got;
  }
}

}  // namespace

BuildRecord::BuildRecord(const BuildOptions& options, const SourceInfo& source, const Release& release,
                         const FoundKernel& kernel) {
  json_["version"] = 1;
  json_["tool"] = {{"name", "sealroot"}, {"version", SEALROOT_VERSION}};
  json_["source"] = source_json(source);
  json_["source_date_epoch"] = release.timestamp;
  json_["options"] = options_json(options, source, release, kernel);
  json_["inputs"] = Json::array();
}

void BuildRecord::add_input(const std::string& name, ByteView content) {
  Json input{{"name", name}};
  input.update(file_json(content));
  json_["inputs"].push_back(std::move(input));
}

void BuildRecord::add_image(const Digest& image, std::uint64_t size_bytes, const std::optional<std::string>& policy) {
  json_["image"] = {{"format", "v1"}, {"boot_form", true}, {"digest", named_digest(image)}, {"size", size_bytes}};
  json_["image"]["selinux_policy"] = policy ? Json(*policy) : Json(nullptr);
}

void BuildRecord::add_objects(const Fd& output, const ObjectStore& store, const std::vector<Digest>& objects) {
  const std::string name = "objects.txt";
  std::uint64_t total_bytes = 0;
  std::string list;
  for (const Digest& object : objects) {
    const std::uint64_t size_bytes = store.usage(object).size_bytes;
    total_bytes += size_bytes;
    list += to_hex(object) + " " + std::to_string(size_bytes) + "\n";
  }
  write_new_file(output, name, as_bytes(list));
  json_["objects"] = {
      {"count", objects.size()}, {"size", total_bytes}, {"file", name}, {"sha256", blob_digest(as_bytes(list)).hex}};
}

void BuildRecord::add_uki(const std::string& name, const Bytes& uki, const UkiParts& parts, const FoundKernel& kernel,
                          const BootFile& stub, const Profile& profile) {
  json_["kernel"] = file_json(kernel.file);
  json_["kernel"]["release"] = kernel.version;
  json_["stub"] = file_json(stub);
  json_["initrd"] = file_json(parts.initrd);
  Json entry{{"file", name}};
  entry.update(file_json(uki));
  entry["authenticode"] = to_hex(authenticode_digest(uki));
  entry["cmdline"] = parts.cmdline;
  entry["signer"] = nullptr;
  if (profile.signer) {
    const Certificate& certificate = profile.signer->certificate();
    entry["signer"] = {{"subject", certificate.subject()}, {"sha256", blob_digest(certificate.der()).hex}};
  }
  json_["uki"] = entry;
  if (parts.splash) add_input("Splash", *parts.splash);
  if (parts.dtb) add_input("DeviceTree", *parts.dtb);
  if (parts.pcrpkey) add_input("PCRPKey", *parts.pcrpkey);
  if (parts.ucode) add_input("Microcode", *parts.ucode);
  if (parts.sbat) add_input("SBAT", as_bytes(*parts.sbat));
  if (profile.uki.os_release) {
    add_input("OSRelease", as_bytes(resolve_text(working_directory(), *profile.uki.os_release)));
  }
}

void BuildRecord::add_disk(const std::string& name, const Fd& file, const DiskLayout& layout,
                           const BootFile& boot_loader) {
  json_["boot_loader"] = file_json(boot_loader);
  json_["disk"] = {
      {"file", name},
      {"size", layout.size_bytes},
      {"sha256", file_sha256(file)},
      {"uuid", layout.disk_uuid},
      {"esp", {{"offset", layout.esp_offset_bytes}, {"size", layout.esp_size_bytes}, {"uuid", layout.esp_uuid}}},
      {"root",
       {{"offset", layout.root_offset_bytes},
        {"size", layout.root_size_bytes},
        {"uuid", layout.root_uuid},
        {"file_system_uuid", layout.file_system_uuid}}}};
}

void BuildRecord::add_sealed_container(const SealedContainer& sealed) {
  json_["sealed_container"] = {{"manifest", sealed.manifest.digest.text()},
                               {"config", sealed.config.digest.text()},
                               {"layer", layer_json(sealed.layer)}};
}

}  // namespace sealroot
