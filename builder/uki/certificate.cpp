// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/uki/certificate.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <string_view>
#include <utility>

#include "builder/uki/private_key.hpp"
#include "store/core/error.hpp"

namespace sealroot {
namespace {

constexpr std::uint64_t max_file_size = 1 << 20;

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;

Bio view_of(ByteView bytes) {
  Bio bio(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())), &BIO_free);
  if (!bio) throw std::bad_alloc();
  return bio;
}

}  // namespace

std::string take_openssl_reason() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "";
  const char* reason = ERR_reason_error_string(code);
  return reason == nullptr ? "OpenSSL error " + std::to_string(code) : std::string(reason);
}

Certificate::Certificate(x509_st* certificate) : certificate_(certificate, &X509_free) {}

std::vector<Certificate> Certificate::load_all(const Fd& directory, const std::string& path) {
  return parse_all(read_file(directory, path, max_file_size), path);
}

std::vector<Certificate> Certificate::parse_all(ByteView text, const std::string& path) {
  std::vector<Certificate> found;
  const Bio pem = view_of(text);
  while (X509* certificate = PEM_read_bio_X509(pem.get(), nullptr, nullptr, nullptr)) found.emplace_back(certificate);
  // The end of a PEM file is reported as NO_START_LINE; a broken later one must not be skipped silently.
  const unsigned long last = ERR_peek_last_error();
  const bool at_end = ERR_GET_LIB(last) == ERR_LIB_PEM && ERR_GET_REASON(last) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (found.empty()) {
    const unsigned char* position = text.data();
    X509* certificate = d2i_X509(nullptr, &position, static_cast<long>(text.size()));
    if (certificate != nullptr) found.emplace_back(certificate);
    ERR_clear_error();
  } else if (!at_end) {
    throw Error(Fault::malformed, "certificate " + quoted(path) + ": number " + std::to_string(found.size() + 1) +
                                      " in the file can't be read");
  }
  if (found.empty()) throw Error(Fault::malformed, "certificate " + quoted(path) + ": neither PEM nor DER");
  return found;
}

Certificate Certificate::load(const Fd& directory, const std::string& path) {
  return load_all(directory, path).front();
}

std::string Certificate::subject() const {
  const Bio bio(BIO_new(BIO_s_mem()), &BIO_free);
  if (!bio) throw std::bad_alloc();
  X509_NAME_print_ex(bio.get(), X509_get_subject_name(get()), 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

Bytes Certificate::der() const {
  const int size = i2d_X509(get(), nullptr);
  if (size < 0) throw Error(Fault::malformed, "certificate: " + take_openssl_reason());
  Bytes out(static_cast<std::size_t>(size));
  unsigned char* position = out.data();
  i2d_X509(get(), &position);
  return out;
}

Signer::Signer(std::shared_ptr<evp_pkey_st> key, std::vector<Certificate> chain)
    : key_(std::move(key)), chain_(std::move(chain)) {}

Signer Signer::load(const Fd& directory, const std::string& key_path, const std::string& certificate_path) {
  std::shared_ptr<evp_pkey_st> key = load_private_key(directory, key_path);
  std::vector<Certificate> chain = Certificate::load_all(directory, certificate_path);
  if (EVP_PKEY_is_a(key.get(), "RSA") == 0 && EVP_PKEY_is_a(key.get(), "EC") == 0) {
    throw Error(Fault::malformed, "key " + quoted(key_path) + ": neither RSA nor EC; firmware can't check others");
  }
  EVP_PKEY* certified = X509_get0_pubkey(chain.front().get());
  if (certified == nullptr || EVP_PKEY_eq(key.get(), certified) != 1) {
    ERR_clear_error();
    throw Error(Fault::malformed, "key " + quoted(key_path) + " and certificate " + quoted(certificate_path) + " (" +
                                      quoted(chain.front().subject()) + ") don't belong together");
  }
  return Signer(std::move(key), std::move(chain));
}

}  // namespace sealroot
