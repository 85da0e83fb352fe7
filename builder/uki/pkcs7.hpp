// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// What signing and verifying share of Authenticode's PKCS#7. Not for other folders.
#pragma once

#include <openssl/objects.h>
#include <openssl/pkcs7.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "builder/uki/certificate.hpp"
#include "store/core/error.hpp"

namespace sealroot {

inline constexpr std::uint16_t certificate_revision = 0x0200;
inline constexpr std::uint16_t certificate_type_pkcs7 = 0x0002;
inline constexpr std::size_t certificate_alignment = 8;
inline constexpr const char* indirect_data_oid = "1.3.6.1.4.1.311.2.1.4";

// SpcIndirectDataContent in DER up to the digest's bytes: it has no other variable part. The file link is empty, as
// osslsigncode and signtool have it in newer versions.
inline constexpr std::array<std::uint8_t, 46> content_prefix = {
    0x30, 0x4c,                                                              // SpcIndirectDataContent
    0x30, 0x17,                                                              //   data: SpcAttributeTypeAndOptionalValue
    0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x01, 0x0f,  //     SPC_PE_IMAGE_DATA
    0x30, 0x09,                                                              //     SpcPeImageData
    0x03, 0x01, 0x00,                                                        //       flags: none
    0xa0, 0x04, 0xa2, 0x02, 0x80, 0x00,                                      //       file: empty string
    0x30, 0x31,                                                              //   messageDigest: DigestInfo
    0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,  // SHA-256
    0x04, 0x20};                                                                               //     32 bytes follow
inline constexpr std::size_t outer_tag_size =
    2;  // of SpcIndirectDataContent; not covered by the messageDigest attribute
// DigestInfo with SHA-256 in DER up to the digest: how every SpcIndirectDataContent ends, whoever wrote it.
inline constexpr std::size_t digest_info_header_size = 19;

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Pkcs7 = std::unique_ptr<PKCS7, Deleter<PKCS7_free>>;
using Object = std::unique_ptr<ASN1_OBJECT, Deleter<ASN1_OBJECT_free>>;

/// For calls that fail only when memory is short or OpenSSL is misused.
inline void require(bool ok, const char* step) {
  if (!ok) throw Error(Fault::os, std::string("signing: ") + step + ": " + take_openssl_reason());
}

inline Object indirect_data_type() { return Object(OBJ_txt2obj(indirect_data_oid, 1)); }

}  // namespace sealroot
