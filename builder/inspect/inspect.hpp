// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// `sealroot inspect`: what a UKI, boot program or disk image is, as a record. Nothing is decided here; see verify.
#pragma once

#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "builder/uki/certificate.hpp"
#include "store/core/fd.hpp"

namespace sealroot {

/// Nothing that boots is larger than this.
inline constexpr std::uint64_t max_boot_file_bytes = std::uint64_t{512} << 20;

/// Sections, signatures, command line, digest, PCR 11, ... of one PE file.
///   trusted  whom to check the signatures against; nullopt: only whether they are intact
///   throws   Error{malformed}: no PE file
nlohmann::ordered_json inspect_pe(ByteView file, const std::optional<Certificate>& trusted);

/// Partition table, the files on the ESP with each program in them, the root file system.
///   throws   Error{malformed}: no GPT. What can't be read further in has an "error" in its place.
nlohmann::ordered_json inspect_disk(const Fd& disk, const std::optional<Certificate>& trusted);

/// Either, by what the file begins with.
nlohmann::ordered_json inspect_file(const Fd& directory, const std::string& path,
                                    const std::optional<Certificate>& trusted);

/// A record as indented lines `key  value`, safe for a terminal.
std::string record_text(const nlohmann::ordered_json& record);

}  // namespace sealroot
