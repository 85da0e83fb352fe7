// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// What can be booted: the UKIs in EFI/Linux of a mounted ESP (or XBOOTLDR partition), each read without trusting it.
//
//   EFI/Linux/*.efi -> name and counter, .osrel, .cmdline and sealed configuration, signatures -> BootEntry
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "builder/initramfs/sealed_config.hpp"
#include "builder/uki/certificate.hpp"
#include "store/core/fd.hpp"
#include "upgrade/esp/entry_name.hpp"

namespace sealroot {

inline constexpr const char* entry_folder = "EFI/Linux";

/// trusted: by a certificate of ours; unknown: intact, by somebody else's; broken: it does not match the content.
enum class SignatureState : std::uint8_t { trusted, unknown, none, broken };
std::string_view signature_state_name(SignatureState state);

/// What stands in a UKI. Everything in it is a claim of whoever signed it.
struct UkiFacts {
  std::string image_id;           // IMAGE_ID, else ID: systemd-boot's sort key
  std::string version;            // IMAGE_VERSION, VERSION, VERSION_ID or BUILD_ID
  std::optional<Digest> image{};  // that the command line names, if it names one
  std::optional<SealedConfig> config{};
  std::optional<std::string> not_sealed{};  // why the seal does not hold even if the signature does
  SignatureState signature = SignatureState::none;
  std::string signer{};  // subject
};

/// Error{malformed}: no UKI. The first of `trusted` that the signature leads to counts.
UkiFacts read_uki(ByteView file, const std::vector<Certificate>& trusted);

struct BootEntry {
  std::string file_name;
  EntryName name;
  std::uint64_t size_bytes = 0;
  bool unfinished = false;              // its first sector is missing, and the name may be one that we gave or counted
  std::optional<std::string> defect{};  // why it can't be read; all below is empty then
  UkiFacts uki{};

  bool has_tries_left() const { return !name.tries || name.tries->left > 0; }
  /// Its boots failed until no try was left; held back ones have none either, but were never tried.
  bool failed() const { return name.tries && name.tries->left == 0 && name.tries->done > 0; }
  bool held_back() const { return name.tries && name.tries->left == 0 && name.tries->done == 0; }
};

struct EspListing {
  std::vector<BootEntry> entries{};      // by file name
  std::vector<std::string> others{};     // paths of boot entries that are not UKIs in EFI/Linux itself
  std::vector<std::string> leftovers{};  // of ours in EFI/Linux: temporary files, and entries that were not finished
};

/// Lists them all; one that is broken is part of the answer.
///   throws  Error{os}: a directory can't be read; Error{busy}: somebody renames entries again and again
EspListing list_boot_entries(const Fd& esp, const std::vector<Certificate>& trusted);

}  // namespace sealroot
