// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// `sealroot verify disk.raw`: proves offline, without root, that a disk boots only what one certificate vouches for.
//
//   certificate -> every program on the ESP -> UKI: command line = sealed configuration -> digest
//     -> image on the root partition, sealed -> every object it refers to, sealed; data, Merkle tree, descriptor read
//
// What is not proven is a finding, whatever the reason: a file that can't be read proves nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "builder/uki/certificate.hpp"
#include "store/core/digest.hpp"
#include "store/core/fd.hpp"

namespace sealroot {

struct DiskFinding {
  std::string where;  // "ESP: EFI/Linux/x.efi", "root: composefs/objects/..."
  std::string what;
};

struct DiskProof {
  std::vector<DiskFinding> findings;   // empty: proven
  std::vector<std::string> uncovered;  // what the seal does not cover, so that nobody thinks it did
  std::vector<Digest> images;          // that the UKIs boot, each once
  std::uint64_t program_count = 0;     // signed by the certificate
  std::uint64_t object_count = 0;      // measured, images included
  std::uint64_t object_bytes = 0;
};

/// Bytes of objects read so far; called now and then.
using VerifyProgress = std::function<void(std::uint64_t done_bytes)>;

/// Reads the whole of what can boot. Throws Error only if `disk` itself can't be read.
DiskProof verify_disk(const Fd& disk, const Certificate& trusted, const VerifyProgress& progress = {});

/// `proven`, findings, counts.
nlohmann::ordered_json proof_record(const DiskProof& proof);

}  // namespace sealroot
