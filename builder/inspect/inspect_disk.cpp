// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/disk/disk.hpp"
#include "builder/disk/ext4_reader.hpp"
#include "builder/disk/fat.hpp"
#include "builder/disk/gpt.hpp"
#include "builder/disk/read_gpt.hpp"
#include "builder/inspect/inspect.hpp"
#include "store/core/error.hpp"

namespace sealroot {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view xbootldr_type = "BC13C2FF-59E6-4262-A352-B275FD6F7172";

std::string type_name(std::string_view type) {
  if (type == esp_type) return "ESP";
  if (type == xbootldr_type) return "XBOOTLDR";
  if (type == root_type_x86_64) return "root (x86-64)";
  if (type == root_type_arm64) return "root (arm64)";
  if (type == root_type_riscv64) return "root (riscv64)";
  return "other";
}

Json file_json(const FatReader& reader, const FatFile& file, const std::optional<Certificate>& trusted) {
  Json record{{"path", file.path}, {"size", file.size_bytes}};
  const Bytes content = reader.read(file, max_boot_file_bytes);
  if (!as_text(content).starts_with("MZ")) return record;
  try {
    record["program"] = inspect_pe(content, trusted);
  } catch (const Error& error) {
    record["program"] = {{"error", error.what()}};
  }
  return record;
}

Json fat_json(const Fd& disk, const FoundPartition& partition, const std::optional<Certificate>& trusted) {
  const FatReader reader(disk, partition.offset_bytes, partition.size_bytes);
  Json files = Json::array();
  for (const FatFile& file : reader.files()) files.push_back(file_json(reader, file, trusted));
  return {{"file_system", reader.kind()}, {"free_bytes", reader.free_bytes()}, {"files", files}};
}

Json ext4_json(const Fd& disk, const FoundPartition& partition) {
  const ext4::Reader reader(disk, partition.offset_bytes, partition.size_bytes);
  Json record{{"file_system", "ext4"},
              {"verity", reader.has_verity()},
              {"block_size", reader.block_size()},
              {"needs_recovery", reader.needs_recovery()},
              {"free_bytes", reader.free_bytes()}};
  record["images"] = Json::array();
  const auto images = reader.find("/composefs/images");
  if (!images) return record;
  for (const ext4::FoundName& name : reader.list(*images)) {
    if (name.name != "refs") record["images"].push_back(name.name);
  }
  return record;
}

Json content_json(const Fd& disk, const FoundPartition& partition, const std::optional<Certificate>& trusted) {
  try {
    if (partition.type == esp_type || partition.type == xbootldr_type) return fat_json(disk, partition, trusted);
    if (ext4::looks_like_ext(disk, partition.offset_bytes)) return ext4_json(disk, partition);
    return {{"file_system", "not known"}};
  } catch (const Error& error) {
    return {{"error", error.what()}};
  }
}

}  // namespace

Json inspect_disk(const Fd& disk, const std::optional<Certificate>& trusted) {
  const FoundTable table = read_gpt(disk);
  Json record{{"kind", "disk"}, {"size", table.disk_bytes}, {"disk_uuid", table.disk_uuid}, {"defects", table.defects}};
  record["partitions"] = Json::array();
  for (const FoundPartition& partition : table.partitions) {
    record["partitions"].push_back({{"number", partition.number},
                                    {"kind", type_name(partition.type)},
                                    {"type", partition.type},
                                    {"uuid", partition.uuid},
                                    {"name", partition.name},
                                    {"offset", partition.offset_bytes},
                                    {"size", partition.size_bytes},
                                    {"content", content_json(disk, partition, trusted)}});
  }
  return record;
}

}  // namespace sealroot
