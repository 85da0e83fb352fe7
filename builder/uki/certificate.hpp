// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Certificates, and the signer: a private key (private_key.hpp) with the certificate it belongs to.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "store/core/fd.hpp"

struct x509_st;
struct evp_pkey_st;

namespace sealroot {

class Certificate {
 public:
  /// PEM or DER. Throws Error{malformed} if there is none in the file.
  static Certificate load(const Fd& directory, const std::string& path);
  /// All certificates of a PEM file (or the one of a DER file), in their order; at least one.
  static std::vector<Certificate> load_all(const Fd& directory, const std::string& path);
  /// The same for the bytes of such a file; `path` is for messages.
  static std::vector<Certificate> parse_all(ByteView text, const std::string& path);

  /// Takes ownership.
  explicit Certificate(x509_st* certificate);
  x509_st* get() const { return certificate_.get(); }
  /// The subject as RFC 2253 writes it, control characters and all outside ASCII escaped; for messages see quoted().
  std::string subject() const;
  Bytes der() const;

 private:
  std::shared_ptr<x509_st> certificate_;
};

class Signer {
 public:
  /// `key`: as load_private_key() takes it. `certificate`: PEM or DER; if the file holds more
  /// than one, the first belongs to the key and the others are added to the signature.
  ///   throws  Error{missing}; Error{malformed}, also if the key is not the one of the certificate, or of a kind that
  ///           can't sign
  static Signer load(const Fd& directory, const std::string& key, const std::string& certificate);

  evp_pkey_st* key() const { return key_.get(); }
  const Certificate& certificate() const { return chain_.front(); }
  /// The signer's certificate first.
  const std::vector<Certificate>& chain() const { return chain_; }

 private:
  Signer(std::shared_ptr<evp_pkey_st> key, std::vector<Certificate> chain);
  std::shared_ptr<evp_pkey_st> key_;
  std::vector<Certificate> chain_;
};

/// The oldest reason in OpenSSL's error queue of this thread, as text; empties the queue.
std::string take_openssl_reason();

}  // namespace sealroot
