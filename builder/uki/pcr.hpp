// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// PCR 11 of a TPM after a UKI was booted, computed from the file: what the stub measures of its sections, then the
// phases of the boot that systemd-pcrphase adds.
//
//   0 -> H(name NUL) -> H(content) for each section the stub knows, in its order, not in that of the file
//     -> H("enter-initrd") -> H("leave-initrd") -> ...
//
// Source: systemd, src/fundamental/uki.h (order), src/boot/stub.c; the same values as `systemd-measure calculate`.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "builder/uki/pe.hpp"
#include "store/core/fd.hpp"

namespace sealroot {

inline constexpr unsigned kernel_boot_pcr = 11;

enum class PcrBank : std::uint8_t { sha1, sha256, sha384, sha512 };
inline constexpr std::array<PcrBank, 4> all_pcr_banks = {PcrBank::sha1, PcrBank::sha256, PcrBank::sha384,
                                                         PcrBank::sha512};

/// `sha256` and so on.
std::string_view pcr_bank_name(PcrBank bank);
/// Throws Error{usage} for a name that is none.
PcrBank parse_pcr_bank(std::string_view name);

/// `enter-initrd`, then with `:leave-initrd`, `:sysinit`, `:ready` added one by one: what systemd signs by default.
const std::vector<std::string>& default_boot_phases();
/// After the last of default_boot_phases(): the value in a system that is up.
inline constexpr std::string_view last_boot_phase = "enter-initrd:leave-initrd:sysinit:ready";

/// Names of the sections that this version of the stub measures, in the order in which it does.
std::vector<std::string_view> measured_sections(unsigned stub_major_version);

/// Why the value can't be known from the file alone; nullopt if it can.
std::optional<std::string> pcr11_obstacle(const PeFile& uki);

/// The value after the stub and the phases of `phase_path` (`a:b:c`; empty: when the stub has ended).
///   returns  20 to 64 bytes, as long as the bank's digests
///   throws   Error{malformed} if pcr11_obstacle() has one; Error{usage}: a phase without name
Bytes predict_pcr11(const PeFile& uki, PcrBank bank, std::string_view phase_path);

}  // namespace sealroot
