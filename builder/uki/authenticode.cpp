// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/uki/authenticode.hpp"

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "builder/uki/pe.hpp"
#include "store/core/error.hpp"

namespace sealroot {
namespace {

constexpr std::uint16_t certificate_revision = 0x0200;
constexpr std::uint16_t certificate_type_pkcs7 = 0x0002;
constexpr std::size_t certificate_alignment = 8;
constexpr const char* indirect_data_oid = "1.3.6.1.4.1.311.2.1.4";

// SpcIndirectDataContent in DER up to the digest's bytes: it has no other variable part. The file link is empty, as
// osslsigncode and signtool have it in newer versions.
constexpr std::array<std::uint8_t, 46> content_prefix = {
    0x30, 0x4c,                                                              // SpcIndirectDataContent
    0x30, 0x17,                                                              //   data: SpcAttributeTypeAndOptionalValue
    0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x01, 0x0f,  //     SPC_PE_IMAGE_DATA
    0x30, 0x09,                                                              //     SpcPeImageData
    0x03, 0x01, 0x00,                                                        //       flags: none
    0xa0, 0x04, 0xa2, 0x02, 0x80, 0x00,                                      //       file: empty string
    0x30, 0x31,                                                              //   messageDigest: DigestInfo
    0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,  // SHA-256
    0x04, 0x20};                                                                               //     32 bytes follow
constexpr std::size_t outer_tag_size = 2;  // of SpcIndirectDataContent; not covered by the messageDigest attribute
// DigestInfo with SHA-256 in DER up to the digest: how every SpcIndirectDataContent ends, whoever wrote it.
constexpr std::size_t digest_info_header_size = 19;

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Pkcs7 = std::unique_ptr<PKCS7, Deleter<PKCS7_free>>;
using Object = std::unique_ptr<ASN1_OBJECT, Deleter<ASN1_OBJECT_free>>;
using OctetString = std::unique_ptr<ASN1_OCTET_STRING, Deleter<ASN1_OCTET_STRING_free>>;
using TrustStore = std::unique_ptr<X509_STORE, Deleter<X509_STORE_free>>;
using Memory = std::unique_ptr<BIO, Deleter<BIO_free>>;

/// For calls that fail only when memory is short or OpenSSL is misused.
void require(bool ok, const char* step) {
  if (!ok) throw Error(Fault::os, std::string("signing: ") + step + ": " + take_openssl_reason());
}

Object indirect_data_type() { return Object(OBJ_txt2obj(indirect_data_oid, 1)); }

class Sha256Stream {
 public:
  Sha256Stream() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
    require(context_ && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1, "SHA-256");
  }
  void add(ByteView bytes) { require(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1, "SHA-256"); }
  Sha256 finish() {
    Sha256 out{};
    require(EVP_DigestFinal_ex(context_.get(), out.data(), nullptr) == 1, "SHA-256");
    return out;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

Sha256 sha256(ByteView bytes) {
  Sha256Stream stream;
  stream.add(bytes);
  return stream.finish();
}

/// Firmware hashes the sections and then as many bytes at the end as are still missing in the sum. With bytes between
/// sections that is not the same as the file, and tools disagree.
void check_contiguous(const PeFile& file) {
  std::size_t end = file.optional().SizeOfHeaders;
  for (const pe::SectionHeader& section : sections_by_offset(file)) {
    if (section.PointerToRawData != end) {
      throw Error(Fault::malformed, "PE file: bytes before section " + quoted(section.name()) + " belong to none");
    }
    end += section.SizeOfRawData;
  }
}

Sha256 digest_of(const PeFile& file) {
  check_contiguous(file);
  const ByteView bytes = file.file().first(file.end_of_image());
  const std::size_t checksum = file.checksum_offset();
  const std::size_t entry = file.certificate_entry_offset();
  Sha256Stream stream;
  stream.add(bytes.first(checksum));
  if (file.directory().size() > pe::certificate_entry) {
    stream.add(bytes.subspan(checksum + 4, entry - checksum - 4));
    stream.add(bytes.subspan(entry + sizeof(pe::DataDirectory)));
  } else {
    stream.add(bytes.subspan(checksum + 4));
  }
  const Bytes padding(round_up(bytes.size(), certificate_alignment) - bytes.size(), 0);
  stream.add(padding);
  return stream.finish();
}

Bytes indirect_data(const Sha256& digest) {
  Bytes out(content_prefix.begin(), content_prefix.end());
  out.insert(out.end(), digest.begin(), digest.end());
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
void add_signer(PKCS7* signed_data, const Signer& signer, const Bytes& content) {
  PKCS7_SIGNER_INFO* info = PKCS7_add_signature(signed_data, signer.certificate().get(), signer.key(), EVP_sha256());
  require(info != nullptr, "adding the signer");
  const Sha256 digest = sha256(ByteView(content).subspan(outer_tag_size));
  require(PKCS7_add_signed_attribute(info, NID_pkcs9_contentType, V_ASN1_OBJECT, indirect_data_type().release()) == 1,
          "content type");
  OctetString value(ASN1_OCTET_STRING_new());
  require(value && ASN1_OCTET_STRING_set(value.get(), digest.data(), static_cast<int>(digest.size())) == 1 &&
              PKCS7_add_signed_attribute(info, NID_pkcs9_messageDigest, V_ASN1_OCTET_STRING, value.release()) == 1,
          "message digest");
  require(PKCS7_SIGNER_INFO_sign(info) == 1, "using the key");
}

Bytes make_signature(const Sha256& digest, const Signer& signer) {
  const Bytes content = indirect_data(digest);
  const Pkcs7 signature(PKCS7_new());
  require(signature && PKCS7_set_type(signature.get(), NID_pkcs7_signed) == 1, "PKCS#7");
  set_content(signature.get(), content);
  add_signer(signature.get(), signer, content);
  for (const Certificate& certificate : signer.chain()) {
    require(PKCS7_add_certificate(signature.get(), certificate.get()) == 1, "adding a certificate");
  }
  const int size = i2d_PKCS7(signature.get(), nullptr);
  require(size > 0, "encoding");
  Bytes out(static_cast<std::size_t>(size));
  unsigned char* position = out.data();
  i2d_PKCS7(signature.get(), &position);
  return out;
}

Error untrusted(const std::string& reason) { return {Fault::untrusted, "signature: " + reason}; }

std::vector<ByteView> signatures(ByteView table) {
  std::vector<ByteView> found;
  while (!table.empty()) {
    pe::WinCertificate header;
    if (table.size() < sizeof(header)) throw untrusted("the certificate table is truncated");
    std::memcpy(static_cast<void*>(&header), table.data(), sizeof(header));
    const std::size_t length = header.dwLength;
    if (length <= sizeof(header) || length > table.size()) throw untrusted("the certificate table is malformed");
    if (header.wRevision == certificate_revision && header.wCertificateType == certificate_type_pkcs7) {
      found.push_back(table.subspan(sizeof(header), length - sizeof(header)));
    }
    table = table.subspan(std::min<std::size_t>(round_up(length, certificate_alignment), table.size()));
  }
  return found;
}

/// The content octets that the signature covers, without the outer tag and length.
ByteView signed_content(const PKCS7* signature) {
  const PKCS7* contents = PKCS7_type_is_signed(signature) ? signature->d.sign->contents : nullptr;
  const Object type = indirect_data_type();
  if (contents == nullptr || OBJ_cmp(contents->type, type.get()) != 0 || contents->d.other == nullptr ||
      contents->d.other->type != V_ASN1_SEQUENCE) {
    throw untrusted("not an Authenticode one");
  }
  const ASN1_STRING* sequence = contents->d.other->value.sequence;
  const unsigned char* position = ASN1_STRING_get0_data(sequence);
  const unsigned char* const start = position;
  long length = 0;
  int tag = 0;
  int tag_class = 0;
  if ((ASN1_get_object(&position, &length, &tag, &tag_class, ASN1_STRING_length(sequence)) & 0x80) != 0 ||
      position - start + length != ASN1_STRING_length(sequence)) {
    throw untrusted("its content is malformed");
  }
  return {position, static_cast<std::size_t>(length)};
}

void check_digest(ByteView content, const Sha256& digest) {
  const ByteView header = ByteView(content_prefix).last(digest_info_header_size);
  const std::size_t size = header.size() + digest.size();
  if (content.size() < size || !std::equal(header.begin(), header.end(), content.last(size).begin())) {
    throw untrusted("made with another digest than SHA-256");
  }
  if (!std::equal(digest.begin(), digest.end(), content.last(digest.size()).begin())) {
    throw untrusted("the file was changed after signing");
  }
}

/// Trusts exactly `certificate` and what it issued; ignores purposes and validity periods as firmware does.
TrustStore trust_only(const Certificate& certificate) {
  TrustStore store(X509_STORE_new());
  require(store && X509_STORE_add_cert(store.get(), certificate.get()) == 1, "trust store");
  X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_NO_CHECK_TIME);
  X509_STORE_set_purpose(store.get(), X509_PURPOSE_ANY);
  return store;
}

void verify_signature(ByteView der, const Sha256& digest, const Certificate& trusted) {
  const unsigned char* position = der.data();
  const Pkcs7 signature(d2i_PKCS7(nullptr, &position, static_cast<long>(der.size())));
  if (!signature) {
    take_openssl_reason();
    throw untrusted("not PKCS#7");
  }
  // Nothing covers what follows it, so only the padding to the next multiple of 8 may.
  const ByteView rest = der.subspan(static_cast<std::size_t>(position - der.data()));
  if (rest.size() >= certificate_alignment || std::any_of(rest.begin(), rest.end(), [](auto b) { return b != 0; })) {
    throw untrusted("bytes that nothing covers follow it");
  }
  const ByteView content = signed_content(signature.get());
  check_digest(content, digest);
  const TrustStore store = trust_only(trusted);
  const Memory data(BIO_new_mem_buf(content.data(), static_cast<int>(content.size())));
  require(data != nullptr, "memory");
  if (PKCS7_verify(signature.get(), nullptr, store.get(), data.get(), nullptr, PKCS7_BINARY) != 1) {
    const std::string reason = take_openssl_reason();
    throw untrusted("not made by " + quoted(trusted.subject()) + " or a certificate it issued: " + reason);
  }
}

}  // namespace

Sha256 authenticode_digest(ByteView file) { return digest_of(PeFile::parse(file)); }

Bytes sign_pe(Bytes file, const Signer& signer) {
  const PeFile parsed = PeFile::parse(file);
  if (!parsed.certificate_table().empty()) throw Error(Fault::malformed, "PE file: signed already");
  if (parsed.directory().size() <= pe::certificate_entry) {
    throw Error(Fault::malformed, "PE file: its data directory has no entry for signatures");
  }
  const Bytes signature = make_signature(digest_of(parsed), signer);
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

void verify_pe(ByteView file, const Certificate& trusted) {
  const PeFile parsed = PeFile::parse(file);
  const Sha256 digest = digest_of(parsed);
  const std::vector<ByteView> found = signatures(parsed.certificate_table());
  if (found.empty()) throw untrusted("there is none in the file");
  // Several signatures: one that is good is enough; the first one's reason is told if none is.
  std::optional<Error> first;
  for (const ByteView signature : found) {
    try {
      verify_signature(signature, digest, trusted);
      return;
    } catch (const Error& error) {
      if (!first) first = error;
    }
  }
  throw Error(*first);
}

}  // namespace sealroot
