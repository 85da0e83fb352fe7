// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// What a boot program says about itself, read without trusting it: the base of inspect, verify and doctor.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "builder/initramfs/sealed_config.hpp"
#include "builder/uki/command_line.hpp"
#include "builder/uki/pe.hpp"

namespace sealroot {

enum class PeKind : std::uint8_t { uki, boot_loader, addon, other };

/// `UKI`, `boot loader`, `addon`, `other program`.
std::string_view pe_kind_name(PeKind kind);

/// The initramfs of a UKI, as far as it matters here.
struct InitramfsFacts {
  std::size_t file_count = 0;
  std::optional<SealedConfig> config;        // /sealroot.conf
  std::optional<std::string> config_defect;  // why there is none
  std::string pivot_path;          // `init` of a minimal initramfs, else where the program stands; empty: none
  Bytes pivot;                     // its content
  std::vector<std::string> paths;  // of all files
};

struct PeFacts {
  PeKind kind = PeKind::other;
  std::string program;                 // of .sdmagic: `systemd-stub 252.39-1~deb12u2`; empty if there is none
  std::optional<std::string> cmdline;  // .cmdline
  std::vector<DigestToken> digests;    // in it
  InitramfsFacts initramfs{};          // UKIs only
  std::optional<std::string> defect;   // why this UKI is not sealed; nullopt: it is, or it is no UKI
};

/// The defect of a UKI that was built with --unsealed, where it has no other.
inline constexpr std::string_view unsealed_defect =
    "UNSEALED: built for file systems without fs-verity, it boots whatever its disk holds";

/// Reads what there is. Defects of an initramfs or command line are part of the answer.
PeFacts read_pe_facts(const PeFile& file);

}  // namespace sealroot
