// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Lists of keys as UEFI keeps them in its variables PK, KEK and db, and as systemd-boot enrols them from the ESP.
// Source: UEFI specification, sections 8.2.2 and 32.4.1
#pragma once

#include <string>
#include <vector>

#include "builder/uki/certificate.hpp"
#include "store/core/bytes.hpp"

namespace sealroot {

struct SignatureList {
  std::vector<Certificate> certificates;
  std::size_t others = 0;  // hashes and what else is no certificate
};

/// Reads lists that stand one after the other.
///   throws  Error{malformed}: a list that leaves the bytes, or a certificate that is none
SignatureList parse_signature_lists(ByteView bytes);

/// The lists in a `.auth` file, behind time and signature. Throws like parse_signature_lists().
SignatureList parse_authenticated_lists(ByteView file);

/// Whether the certificate is one of those that machines come with, which sign far more than one system.
bool is_vendor_certificate(const Certificate& certificate);

}  // namespace sealroot
