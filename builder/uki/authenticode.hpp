// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Authenticode: the signature in a PE file that UEFI Secure Boot checks.
//   certificate table = WIN_CERTIFICATE { length, 0x0200, 2 } | PKCS#7 SignedData over SpcIndirectDataContent
// Source: "Windows Authenticode Portable Executable Signature Format"; UEFI specification, section 32.2
#pragma once

#include <array>
#include <cstdint>

#include "builder/uki/certificate.hpp"
#include "store/core/bytes.hpp"
#include "store/core/fd.hpp"

namespace sealroot {

using Sha256 = std::array<std::uint8_t, 32>;

/// SHA-256 of the file as Secure Boot sees it: without the checksum, the certificate table and its directory entry,
/// and zero-padded to 8 bytes. A signature does not change it.
///   throws  Error{malformed}: no PE file, or bytes between its sections, which firmware does not cover
Sha256 authenticode_digest(ByteView file);

/// The file with one signature. The same file and RSA key give the same bytes: there is no signing time in it. An EC
/// signature holds a random number and differs each time; few firmwares take EC keys.
///   throws  Error{malformed}: no PE file, or signed already
Bytes sign_pe(Bytes file, const Signer& signer);

/// Checks that a signature in the file matches its content and is made by `trusted` or by a certificate that chains to
/// it. Validity periods are ignored, as firmware does.
///   throws  Error{untrusted} with the reason; Error{malformed}: no PE file
void verify_pe(ByteView file, const Certificate& trusted);

}  // namespace sealroot
