// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The ESP's part of the proof: every file that firmware, boot loader or stub would take notice of.
#pragma once

#include <string>
#include <vector>

#include "builder/disk/fat.hpp"
#include "builder/initramfs/sealed_config.hpp"
#include "builder/verify/verify_disk.hpp"

namespace sealroot {

/// What a UKI that is signed and sealed boots.
struct SealedUki {
  std::string path;
  SealedConfig config;
};

/// Checks all files of the partition; `label` (`ESP`) begins each finding.
///   returns  the UKIs that are in order
std::vector<SealedUki> verify_esp(const FatReader& reader, const std::string& label, const Certificate& trusted,
                                  DiskProof& proof);

}  // namespace sealroot
