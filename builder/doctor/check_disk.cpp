// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include <algorithm>

#include "builder/disk/disk.hpp"
#include "builder/disk/ext4_reader.hpp"
#include "builder/disk/fat.hpp"
#include "builder/disk/gpt.hpp"
#include "builder/disk/read_gpt.hpp"
#include "builder/doctor/doctor.hpp"
#include "builder/inspect/inspect.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"

namespace sealroot {
namespace {

constexpr std::uint64_t least_free_bytes = std::uint64_t{16} << 20;

std::string mebibytes(std::uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

/// Runs `action`; what it throws becomes a failed check.
template <typename Action>
void guard(Checks& checks, const std::string& name, const std::string& advice, Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    checks.push_back({CheckStatus::fail, name, error.what(), advice});
  }
}

struct EspContent {
  std::uint64_t largest_uki = 0;
  std::vector<PeFacts> ukis;
};

EspContent check_programs(const FatReader& reader, Checks& checks) {
  EspContent content;
  bool fallback = false;
  for (const FatFile& file : reader.files()) {
    const Bytes bytes = reader.read(file, max_boot_file_bytes);
    if (!as_text(bytes).starts_with("MZ")) continue;
    fallback = fallback || file.path.starts_with("EFI/BOOT/BOOT");
    guard(checks, "ESP", "put a good copy in its place", [&] {
      PeFacts facts = read_pe_facts(PeFile::parse(bytes));
      if (facts.kind != PeKind::uki) return;
      for (Check& check : check_uki(facts, quoted(file.path))) checks.push_back(std::move(check));
      content.largest_uki = std::max<std::uint64_t>(content.largest_uki, file.size_bytes);
      content.ukis.push_back(std::move(facts));
    });
  }
  if (!fallback) {
    checks.push_back({CheckStatus::warn, "ESP", "no EFI/BOOT/BOOT*.EFI",
                      "firmware needs an entry of its own to find the boot loader"});
  }
  if (content.ukis.empty())
    checks.push_back({CheckStatus::fail, "ESP", "no UKI", "nothing can boot: copy one to EFI/Linux"});
  return content;
}

EspContent check_esp(const Fd& disk, const FoundPartition& partition, Checks& checks) {
  const FatReader reader(disk, partition.offset_bytes, partition.size_bytes);
  EspContent content = check_programs(reader, checks);
  const std::uint64_t needed = content.largest_uki + content.largest_uki / 16;
  const std::string found = reader.kind() + ", " + mebibytes(reader.free_bytes()) + " free";
  if (reader.free_bytes() >= needed) {
    checks.push_back({CheckStatus::ok, "ESP", found, ""});
  } else {
    checks.push_back({CheckStatus::warn, "ESP", found,
                      "an update needs room for another UKI of " + mebibytes(needed) + ": make the ESP larger"});
  }
  return content;
}

void check_root(const Fd& disk, const FoundPartition& partition, const std::vector<PeFacts>& ukis, Checks& checks) {
  if (!ext4::looks_like_ext(disk, partition.offset_bytes)) {
    checks.push_back({CheckStatus::warn, "root", "not ext4", "only ext4 can be looked into before it boots"});
    return;
  }
  const ext4::Reader reader(disk, partition.offset_bytes, partition.size_bytes);
  checks.push_back(reader.has_verity() ? Check{CheckStatus::ok, "root", "ext4 with fs-verity", ""}
                                       : Check{CheckStatus::fail, "root", "ext4 without the feature verity",
                                               "no boot can succeed: tune2fs -O verity, then seal the objects"});
  if (reader.needs_recovery()) {
    checks.push_back(
        {CheckStatus::warn, "root", "its journal has to be replayed", "e2fsck -p does it, and so does the next boot"});
  }
  checks.push_back({reader.free_bytes() >= least_free_bytes ? CheckStatus::ok : CheckStatus::warn, "root",
                    mebibytes(reader.free_bytes()) + " free",
                    reader.free_bytes() >= least_free_bytes
                        ? ""
                        : "the system has hardly any room for /var: build with --disk-size"});
  for (const PeFacts& facts : ukis) {
    if (facts.defect) continue;
    const std::string path = "/composefs/objects/" + object_path(facts.initramfs.config->digest);
    const auto number = reader.find(path);
    if (number && reader.inode(*number).sealed) {
      checks.push_back({CheckStatus::ok, "root", "has the image that the UKI names, sealed", ""});
    } else {
      checks.push_back({CheckStatus::fail, "root", path.substr(1) + (number ? ": not sealed" : ": missing"),
                        "the UKI can't boot: build the disk again, or sealroot fsck --repair"});
    }
  }
}

}  // namespace

Checks check_disk(const Fd& disk) {
  Checks checks;
  guard(checks, "disk", "write the image again", [&] {
    const FoundTable table = read_gpt(disk);
    for (const std::string& defect : table.defects) {
      checks.push_back({CheckStatus::warn, "disk", defect, "write the image again"});
    }
    EspContent esp;
    unsigned esps = 0;
    unsigned roots = 0;
    for (const FoundPartition& partition : table.partitions) {
      if (partition.type != esp_type) continue;
      ++esps;
      guard(checks, "ESP", "make it again", [&] { esp = check_esp(disk, partition, checks); });
    }
    for (const FoundPartition& partition : table.partitions) {
      if (partition.type != root_type_x86_64 && partition.type != root_type_arm64) continue;
      ++roots;
      guard(checks, "root", "make it again", [&] { check_root(disk, partition, esp.ukis, checks); });
    }
    if (esps != 1)
      checks.push_back(
          {CheckStatus::fail, "disk", std::to_string(esps) + " EFI system partitions", "it needs exactly one"});
    if (roots != 1) {
      checks.push_back({CheckStatus::fail, "disk", std::to_string(roots) + " root partitions",
                        "the pivot boots only if there is exactly one"});
    }
  });
  return checks;
}

}  // namespace sealroot
