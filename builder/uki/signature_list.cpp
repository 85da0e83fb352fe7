// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/uki/signature_list.hpp"

#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "store/core/error.hpp"

namespace sealroot {
namespace {

using RawGuid = std::array<std::uint8_t, 16>;

struct ListHeader {
  RawGuid type;
  le32 list_bytes;
  le32 header_bytes;
  le32 entry_bytes;  // with the GUID of the owner in front
};
static_assert(sizeof(ListHeader) == 28 && alignof(ListHeader) == 1);

// EFI_CERT_X509_GUID, a5c059a1-94e4-4aa7-87b5-ab155c2bf072, as it lies in memory.
constexpr RawGuid x509_type = {0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a,
                               0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0, 0x72};

Error malformed(const std::string& reason) { return {Fault::malformed, "signature list: " + reason}; }

Certificate certificate_of(ByteView der) {
  const unsigned char* position = der.data();
  X509* certificate = d2i_X509(nullptr, &position, static_cast<long>(der.size()));
  if (certificate == nullptr) {
    take_openssl_reason();
    throw malformed("a certificate that is none");
  }
  return Certificate(certificate);
}

}  // namespace

SignatureList parse_signature_lists(ByteView bytes) {
  SignatureList result;
  while (!bytes.empty()) {
    ListHeader header;
    if (bytes.size() < sizeof(header)) throw malformed("ends in a header");
    std::memcpy(static_cast<void*>(&header), bytes.data(), sizeof(header));
    const std::uint64_t first = sizeof(header) + std::uint64_t{header.header_bytes};
    if (header.list_bytes > bytes.size() || first > header.list_bytes || header.entry_bytes <= sizeof(RawGuid)) {
      throw malformed("sizes that don't fit");
    }
    ByteView entries = bytes.subspan(first, header.list_bytes - first);
    for (; entries.size() >= header.entry_bytes; entries = entries.subspan(header.entry_bytes)) {
      if (header.type == x509_type) {
        result.certificates.push_back(
            certificate_of(entries.subspan(sizeof(RawGuid), header.entry_bytes - sizeof(RawGuid))));
      } else {
        ++result.others;
      }
    }
    bytes = bytes.subspan(header.list_bytes);
  }
  return result;
}

SignatureList parse_authenticated_lists(ByteView file) {
  constexpr std::size_t time_bytes = 16;
  le32 length;  // of WIN_CERTIFICATE_UEFI_GUID, itself included
  if (file.size() < time_bytes + sizeof(length)) throw malformed("no authenticated variable");
  std::memcpy(&length, file.data() + time_bytes, sizeof(length));
  if (length > file.size() - time_bytes) throw malformed("no authenticated variable");
  return parse_signature_lists(file.subspan(time_bytes + length));
}

bool is_vendor_certificate(const Certificate& certificate) {
  const std::string subject = certificate.subject();
  constexpr std::array<std::string_view, 8> vendors = {"Microsoft",          "Canonical", "Red Hat", "SUSE",
                                                       "Debian Secure Boot", "Dell ",     "Lenovo",  "Hewlett"};
  return std::ranges::any_of(vendors,
                             [&](std::string_view vendor) { return subject.find(vendor) != std::string::npos; });
}

}  // namespace sealroot
