// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Making signatures: at once with a key at hand, or in two steps around a key on another machine. Both ways build the
// same PKCS#7 and differ only in who computes the signature's bytes.
#include <openssl/asn1.h>
#include <openssl/asn1t.h>
#include <openssl/evp.h>
#include <openssl/pkcs7.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cstring>
#include <functional>

#include "builder/uki/authenticode.hpp"
#include "builder/uki/pe.hpp"
#include "builder/uki/pkcs7.hpp"
#include "store/core/error.hpp"

namespace sealroot {
namespace {

using OctetString = std::unique_ptr<ASN1_OCTET_STRING, Deleter<ASN1_OCTET_STRING_free>>;
using SignerInfo = std::unique_ptr<PKCS7_SIGNER_INFO, Deleter<PKCS7_SIGNER_INFO_free>>;

Bytes indirect_data(const Sha256& digest) {
  Bytes out(content_prefix.size() + digest.size());
  std::ranges::copy(digest, std::ranges::copy(content_prefix, out.begin()).out);
  return out;
}

void set_content(PKCS7* signed_data, const Bytes& content) {
  Pkcs7 inner(PKCS7_new());
  ASN1_TYPE* value = ASN1_TYPE_new();
  ASN1_STRING* sequence = ASN1_STRING_type_new(V_ASN1_SEQUENCE);
  require(inner && value != nullptr && sequence != nullptr, "content");
  require(ASN1_STRING_set(sequence, content.data(), static_cast<int>(content.size())) == 1, "content");
  ASN1_TYPE_set(value, V_ASN1_SEQUENCE, sequence);
  ASN1_OBJECT_free(inner->type);
  inner->type = indirect_data_type().release();
  inner->d.other = value;
  PKCS7_free(signed_data->d.sign->contents);
  signed_data->d.sign->contents = inner.release();
}

// PKCS7_dataFinal() would add the time of signing; setting the attributes by hand keeps the signature reproducible.
void add_attributes(PKCS7_SIGNER_INFO* info, const Bytes& content) {
  Sha256 digest{};
  SHA256(content.data() + outer_tag_size, content.size() - outer_tag_size, digest.data());
  require(PKCS7_add_signed_attribute(info, NID_pkcs9_contentType, V_ASN1_OBJECT, indirect_data_type().release()) == 1,
          "content type");
  OctetString value(ASN1_OCTET_STRING_new());
  require(value && ASN1_OCTET_STRING_set(value.get(), digest.data(), static_cast<int>(digest.size())) == 1 &&
              PKCS7_add_signed_attribute(info, NID_pkcs9_messageDigest, V_ASN1_OCTET_STRING, value.release()) == 1,
          "message digest");
}

/// The PKCS#7 of one signer; `sign` fills in the signature over the attributes.
Bytes make_signature(const Sha256& digest, const std::vector<Certificate>& chain, EVP_PKEY* key,
                     const std::function<void(PKCS7_SIGNER_INFO*)>& sign) {
  const Bytes content = indirect_data(digest);
  const Pkcs7 signature(PKCS7_new());
  require(signature && PKCS7_set_type(signature.get(), NID_pkcs7_signed) == 1, "PKCS#7");
  set_content(signature.get(), content);
  PKCS7_SIGNER_INFO* info = PKCS7_add_signature(signature.get(), chain.front().get(), key, EVP_sha256());
  require(info != nullptr, "adding the signer");
  add_attributes(info, content);
  sign(info);
  for (const Certificate& certificate : chain) {
    require(PKCS7_add_certificate(signature.get(), certificate.get()) == 1, "adding a certificate");
  }
  const int size = i2d_PKCS7(signature.get(), nullptr);
  require(size > 0, "encoding");
  Bytes out(static_cast<std::size_t>(size));
  unsigned char* position = out.data();
  i2d_PKCS7(signature.get(), &position);
  return out;
}

/// Error{malformed} unless the file can take a signature.
void check_unsigned(const PeFile& file) {
  if (!file.certificate_table().empty()) throw Error(Fault::malformed, "PE file: signed already");
  if (file.directory().size() <= pe::certificate_entry) {
    throw Error(Fault::malformed, "PE file: its data directory has no entry for signatures");
  }
}

}  // namespace

Bytes attach_pkcs7(Bytes file, ByteView signature) {
  const PeFile parsed = PeFile::parse(file);
  check_unsigned(parsed);
  const std::size_t entry = parsed.certificate_entry_offset();

  file.resize(round_up(file.size(), certificate_alignment), 0);
  const std::size_t size = round_up(sizeof(pe::WinCertificate) + signature.size(), certificate_alignment);
  const std::size_t start = file.size();
  if (start + size > UINT32_MAX) throw Error(Fault::malformed, "PE file: larger than 4 GiB");
  const pe::DataDirectory directory{static_cast<std::uint32_t>(start), static_cast<std::uint32_t>(size)};
  const pe::WinCertificate header{static_cast<std::uint32_t>(size), certificate_revision, certificate_type_pkcs7};
  std::memcpy(file.data() + entry, &directory, sizeof(directory));
  file.resize(start + size, 0);
  std::memcpy(file.data() + start, &header, sizeof(header));
  std::copy(signature.begin(), signature.end(), file.begin() + static_cast<std::ptrdiff_t>(start + sizeof(header)));
  return file;
}

Bytes sign_pe(Bytes file, const Signer& signer) {
  check_unsigned(PeFile::parse(file));
  const Bytes signature = make_signature(authenticode_digest(file), signer.chain(), signer.key(), [](auto* info) {
    require(PKCS7_SIGNER_INFO_sign(info) == 1, "using the key");
  });
  return attach_pkcs7(std::move(file), signature);
}

Bytes attributes_to_sign(ByteView file) {
  check_unsigned(PeFile::parse(file));
  const SignerInfo info(PKCS7_SIGNER_INFO_new());
  require(info != nullptr, "attributes");
  add_attributes(info.get(), indirect_data(authenticode_digest(file)));
  unsigned char* der = nullptr;
  const int size = ASN1_item_i2d(reinterpret_cast<ASN1_VALUE*>(info->auth_attr), &der, ASN1_ITEM_rptr(PKCS7_ATTR_SIGN));
  require(size > 0, "encoding the attributes");
  Bytes out(der, der + size);
  OPENSSL_free(der);
  return out;
}

Bytes attach_signature(Bytes file, ByteView signature, const std::vector<Certificate>& chain) {
  check_unsigned(PeFile::parse(file));
  EVP_PKEY* key = X509_get0_pubkey(chain.front().get());
  if (key == nullptr) throw Error(Fault::malformed, "certificate " + chain.front().subject() + ": no key in it");
  const Bytes pkcs7 = make_signature(authenticode_digest(file), chain, key, [&](PKCS7_SIGNER_INFO* info) {
    require(ASN1_OCTET_STRING_set(info->enc_digest, signature.data(), static_cast<int>(signature.size())) == 1,
            "signature");
  });
  Bytes signed_file = attach_pkcs7(std::move(file), pkcs7);
  verify_pe(signed_file, chain.front());
  return signed_file;
}

}  // namespace sealroot
