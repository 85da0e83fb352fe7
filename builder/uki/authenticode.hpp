// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Authenticode: the signature in a PE file that UEFI Secure Boot checks.
//   certificate table = WIN_CERTIFICATE { length, 0x0200, 2 } | PKCS#7 SignedData over SpcIndirectDataContent
// Source: "Windows Authenticode Portable Executable Signature Format"; UEFI specification, section 32.2
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "builder/uki/certificate.hpp"
#include "store/core/bytes.hpp"
#include "store/core/error.hpp"
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

/// For a key on another machine, step 1: the bytes to sign there, with SHA-256 and the key's own padding (RSA PKCS#1
/// v1.5, or ECDSA), as `openssl dgst -sha256 -sign KEY` does. They name the file's digest and nothing else.
Bytes attributes_to_sign(ByteView file);

/// Step 2: the file with that signature. For an RSA key the same bytes as sign_pe() gives.
///   chain   the signer's certificate first
///   throws  Error{untrusted}: not the signature of these attributes by this certificate's key
Bytes attach_signature(Bytes file, ByteView signature, const std::vector<Certificate>& chain);

/// The file with a whole PKCS#7 that another program made of it; what is in it is not looked at: see verify_pe().
Bytes attach_pkcs7(Bytes file, ByteView signature);

/// Checks that a signature in the file matches its content and is made by `trusted` or by a certificate that chains to
/// it. Validity periods are ignored, as firmware does.
///   throws  Error{untrusted} with the reason; Error{malformed}: no PE file
void verify_pe(ByteView file, const Certificate& trusted);

/// One signature as it stands in the file.
struct FoundSignature {
  std::optional<Certificate> signer;  // the certificate that comes with it; nullopt if it can't be read
  std::optional<Error> defect;        // why it does not hold even if that certificate is trusted
};

/// All signatures of a file, in their order. Whom to trust is not asked here: see verify_pe().
///   throws  Error{malformed}: no PE file, or a certificate table that can't be read
std::vector<FoundSignature> read_signatures(ByteView file);

}  // namespace sealroot
