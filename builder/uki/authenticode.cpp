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
#include "builder/uki/pkcs7.hpp"
#include "store/core/error.hpp"

namespace sealroot {
namespace {

/// The stack alone: its certificates belong to the signature.
void free_stack(STACK_OF(X509) * stack) { sk_X509_free(stack); }

using TrustStore = std::unique_ptr<X509_STORE, Deleter<X509_STORE_free>>;
using Memory = std::unique_ptr<BIO, Deleter<BIO_free>>;

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

/// The certificate of the only signer, out of those in the signature.
std::optional<Certificate> signer_of(ByteView der) {
  const unsigned char* position = der.data();
  const Pkcs7 signature(d2i_PKCS7(nullptr, &position, static_cast<long>(der.size())));
  using Signers = std::unique_ptr<STACK_OF(X509), Deleter<free_stack>>;
  const Signers signers(
      signature && PKCS7_type_is_signed(signature.get()) ? PKCS7_get0_signers(signature.get(), nullptr, 0) : nullptr);
  take_openssl_reason();
  if (!signers || sk_X509_num(signers.get()) != 1) return std::nullopt;
  X509* certificate = sk_X509_value(signers.get(), 0);
  X509_up_ref(certificate);
  return Certificate(certificate);
}

}  // namespace

Sha256 authenticode_digest(ByteView file) { return digest_of(PeFile::parse(file)); }

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

std::vector<FoundSignature> read_signatures(ByteView file) {
  const PeFile parsed = PeFile::parse(file);
  const Sha256 digest = digest_of(parsed);
  std::vector<FoundSignature> found;
  for (const ByteView signature : signatures(parsed.certificate_table())) {
    FoundSignature entry{signer_of(signature), std::nullopt};
    if (!entry.signer) {
      entry.defect = untrusted("not one of exactly one signer who is named in it");
    } else {
      try {
        verify_signature(signature, digest, *entry.signer);
      } catch (const Error& error) {
        entry.defect = error;
      }
    }
    found.push_back(std::move(entry));
  }
  return found;
}

}  // namespace sealroot
