// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/blob_digest.hpp"

#include <openssl/evp.h>

#include <array>
#include <new>

#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"

namespace sealroot {

BlobDigest parse_blob_digest(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  const std::string_view hex = colon == std::string_view::npos ? std::string_view{} : text.substr(colon + 1);
  if (name != "sha256" && name != "sha512") {
    throw Error(Fault::malformed, "blob digest " + quoted(text.substr(0, 160)) + ": not sha256:<hex> or sha512:<hex>");
  }
  const Algorithm algorithm = name == "sha256" ? Algorithm::sha256 : Algorithm::sha512;
  std::array<std::uint8_t, max_digest_size> value{};
  if (!hex_decode(hex, std::span(value).first(digest_size(algorithm)))) {
    throw Error(Fault::malformed, "blob digest " + quoted(text.substr(0, 160)) + ": not " +
                                      std::to_string(2 * digest_size(algorithm)) + " lower-case hex digits");
  }
  return {algorithm, std::string(hex)};
}

BlobHasher::BlobHasher(Algorithm algorithm) : algorithm_(algorithm), context_(EVP_MD_CTX_new()) {
  if (context_ == nullptr) throw std::bad_alloc();
  const EVP_MD* method = algorithm == Algorithm::sha256 ? EVP_sha256() : EVP_sha512();
  if (EVP_DigestInit_ex(static_cast<EVP_MD_CTX*>(context_), method, nullptr) != 1) {
    EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context_));
    throw Error(Fault::os, "OpenSSL has no " + std::string(algorithm_name(algorithm)));
  }
}

BlobHasher::~BlobHasher() { EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context_)); }

void BlobHasher::update(ByteView data) {
  if (EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(context_), data.data(), data.size()) != 1) {
    throw Error(Fault::os, "hashing a blob");
  }
}

BlobDigest BlobHasher::finish() {
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> value{};
  unsigned size = 0;
  if (EVP_DigestFinal_ex(static_cast<EVP_MD_CTX*>(context_), value.data(), &size) != 1) {
    throw Error(Fault::os, "hashing a blob");
  }
  return {algorithm_, to_hex(ByteView(value).first(size))};
}

BlobDigest blob_digest(ByteView data, Algorithm algorithm) {
  BlobHasher hasher(algorithm);
  hasher.update(data);
  return hasher.finish();
}

}  // namespace sealroot
