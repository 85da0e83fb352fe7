// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/verify/verify_disk.hpp"

#include <algorithm>
#include <array>

#include "builder/disk/disk.hpp"
#include "builder/disk/gpt.hpp"
#include "builder/disk/read_gpt.hpp"
#include "builder/verify/verify_esp.hpp"
#include "builder/verify/verify_root.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"

namespace sealroot {
namespace {

constexpr std::string_view xbootldr_type = "BC13C2FF-59E6-4262-A352-B275FD6F7172";

bool is_root(const FoundPartition& partition) {
  constexpr std::array types = {root_type_x86_64, root_type_arm64, root_type_riscv64};
  return std::ranges::find(types, partition.type) != types.end();
}

std::string label_of(const FoundPartition& partition) { return "partition " + std::to_string(partition.number); }

/// Adds what `action` throws to the findings.
template <typename Action>
void collect(DiskProof& proof, const std::string& where, Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    proof.findings.push_back({where, error.what()});
  }
}

std::vector<SealedUki> verify_boot_partitions(const Fd& disk, const FoundTable& table, const Certificate& trusted,
                                              DiskProof& proof) {
  std::vector<SealedUki> ukis;
  unsigned count = 0;
  for (const FoundPartition& partition : table.partitions) {
    if (partition.type != esp_type && partition.type != xbootldr_type) continue;
    const std::string label = partition.type == esp_type ? "ESP" : "XBOOTLDR";
    count += partition.type == esp_type ? 1 : 0;
    collect(proof, label, [&] {
      const FatReader reader(disk, partition.offset_bytes, partition.size_bytes);
      for (SealedUki& uki : verify_esp(reader, label, trusted, proof)) ukis.push_back(std::move(uki));
    });
  }
  if (count != 1) proof.findings.push_back({"disk", std::to_string(count) + " EFI system partitions, 1 needed"});
  if (ukis.empty()) proof.findings.push_back({"disk", "no UKI that is both signed and sealed"});
  return ukis;
}

void verify_root(const Fd& disk, const FoundPartition& partition, const std::vector<SealedUki>& ukis, DiskProof& proof,
                 const VerifyProgress& progress) {
  if (!ext4::looks_like_ext(disk, partition.offset_bytes)) {
    throw Error(Fault::malformed, "not ext4: other file systems can't be read offline");
  }
  const ext4::Reader reader(disk, partition.offset_bytes, partition.size_bytes);
  if (!reader.has_verity()) throw Error(Fault::untrusted, "its ext4 lacks the feature verity: no boot can succeed");
  if (reader.needs_recovery()) {
    proof.findings.push_back(
        {"root", "its journal has to be replayed first (e2fsck -p does it): the next mount changes it"});
  }
  RootVerifier verifier(reader, proof, progress);
  for (const SealedUki& uki : ukis) {
    const Digest& image = uki.config.digest;
    if (std::ranges::find(proof.images, image) != proof.images.end()) continue;
    proof.images.push_back(image);
    verifier.verify_image(image);
    verifier.list_state(image, uki.config.etc, uki.config.var);
  }
}

void verify_roots(const Fd& disk, const FoundTable& table, const std::vector<SealedUki>& ukis, DiskProof& proof,
                  const VerifyProgress& progress) {
  const auto count = std::ranges::count_if(table.partitions, is_root);
  if (count != 1) {
    proof.findings.push_back({"disk", std::to_string(count) + " root partitions: the pivot needs exactly 1"});
    return;
  }
  collect(proof, "root",
          [&] { verify_root(disk, *std::ranges::find_if(table.partitions, is_root), ukis, proof, progress); });
}

void check_other_partitions(const Fd& disk, const FoundTable& table, DiskProof& proof) {
  for (const FoundPartition& partition : table.partitions) {
    if (partition.type == esp_type || partition.type == xbootldr_type || is_root(partition)) continue;
    collect(proof, label_of(partition), [&] {
      const Bytes start = read_disk(disk, partition.offset_bytes, 512);
      // Firmware reads any FAT, and boots from it if an entry of its own says so.
      if (start[510] == 0x55 && start[511] == 0xaa)
        throw Error(Fault::untrusted, "may be a FAT that firmware boots from");
      proof.uncovered.push_back(label_of(partition) + " " + quoted(partition.name));
    });
  }
}

}  // namespace

DiskProof verify_disk(const Fd& disk, const Certificate& trusted, const VerifyProgress& progress) {
  DiskProof proof;
  const FoundTable table = read_gpt(disk);
  for (const std::string& defect : table.defects) proof.findings.push_back({"disk", defect});
  const std::vector<SealedUki> ukis = verify_boot_partitions(disk, table, trusted, proof);
  verify_roots(disk, table, ukis, proof, progress);
  check_other_partitions(disk, table, proof);
  proof.uncovered.emplace_back(
      "the machine's own keys: Secure Boot must be on, with no certificate in db but this one");
  proof.uncovered.emplace_back("older UKIs that the same key has signed, put back onto the ESP");
  proof.uncovered.emplace_back(
      "the metadata of the file systems, which the kernel parses before any digest is checked");
  return proof;
}

nlohmann::ordered_json proof_record(const DiskProof& proof) {
  nlohmann::ordered_json findings = nlohmann::ordered_json::array();
  for (const DiskFinding& finding : proof.findings)
    findings.push_back({{"where", finding.where}, {"what", finding.what}});
  nlohmann::ordered_json images = nlohmann::ordered_json::array();
  for (const Digest& image : proof.images) images.push_back(named_digest(image));
  return {{"proven", proof.findings.empty()}, {"findings", findings},          {"images", images},
          {"programs", proof.program_count},  {"objects", proof.object_count}, {"bytes", proof.object_bytes},
          {"not_covered", proof.uncovered}};
}

}  // namespace sealroot
