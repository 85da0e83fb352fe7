// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Makes a unified kernel image (UKI): a systemd stub with the kernel, the initramfs and the command line as further PE
// sections. What the firmware then checks as one signed file is everything that runs before the pivot.
//
//   headers | stub's sections (.sbat widened) | .osrel .cmdline .dtb .uname .splash .pcrpkey .linux .initrd .ucode
//   .pcrsig
//
// The order and all header fields are those of ukify 257, whose file is the same byte for byte.
// Source: https://uapi-group.org/specifications/specs/unified_kernel_image/
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "builder/uki/pe.hpp"
#include "store/core/fd.hpp"

namespace sealroot {

/// What goes into a UKI. Optional parts that are absent get no section.
struct UkiParts {
  Bytes stub;              // systemd stub, unsigned
  Bytes kernel;            // a PE file itself (EFI stub), of the same architecture
  Bytes initrd;            // one or several cpio archives; empty: no section
  std::string cmdline;     // printable; required, because without it the firmware's own options would be used
  std::string os_release;  // required: systemd-boot ignores a UKI without it
  std::string uname;       // kernel version; informational, unknown to stubs before 254
  std::optional<Bytes> splash;
  std::optional<Bytes> dtb;
  std::optional<Bytes> ucode;       // needs stub 256
  std::optional<std::string> sbat;  // lines added to those of the stub and the kernel, with or without the header line
  std::optional<Bytes> pcrpkey;
  std::optional<Bytes> pcrsig;
};

/// Handle for revoking UKIs as such; ukify adds the same line.
inline constexpr std::string_view default_sbat =
    "uki,1,UKI,uki,1,https://uapi-group.org/specifications/specs/unified_kernel_image/\n";

/// The unsigned UKI: the same parts give the same bytes.
///   throws  Error{malformed}: the stub is signed, is no systemd stub, has no room for section headers or is for
///   another
///           architecture than the kernel; a text has bytes it can't have
Bytes assemble_uki(const UkiParts& parts);

/// Version of a systemd stub or of the UKI made from it, e.g. `252.39-1~deb12u2`; nullopt without `.sdmagic`.
std::optional<std::string> stub_version(const PeFile& file);
/// Its first number, e.g. 252, which decides what the stub knows and measures; nullopt if there is none.
std::optional<unsigned> stub_major_version(const PeFile& file);

/// The architecture as it stands in file names of boot programs (`x64` in linuxx64.efi.stub). Throws Error{malformed}.
std::string efi_architecture(const PeFile& file);

}  // namespace sealroot
