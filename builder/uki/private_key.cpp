// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/uki/private_key.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#if !defined(OPENSSL_NO_ENGINE) && __has_include(<openssl/engine.h>)
#include <openssl/engine.h>
#endif

#include <new>

#include "builder/uki/certificate.hpp"
#include "store/core/error.hpp"

namespace sealroot {
namespace {

constexpr std::uint64_t max_file_size = 1 << 20;

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Store = std::unique_ptr<OSSL_STORE_CTX, decltype(&OSSL_STORE_close)>;
using StoreInfo = std::unique_ptr<OSSL_STORE_INFO, decltype(&OSSL_STORE_INFO_free)>;
using Key = std::shared_ptr<EVP_PKEY>;

/// The first private key, nullptr if there is none.
Key first_key(const Store& store) {
  if (!store) return nullptr;
  OSSL_STORE_expect(store.get(), OSSL_STORE_INFO_PKEY);
  while (OSSL_STORE_eof(store.get()) == 0) {
    const StoreInfo info(OSSL_STORE_load(store.get()), &OSSL_STORE_INFO_free);
    if (!info) break;
    if (OSSL_STORE_INFO_get_type(info.get()) == OSSL_STORE_INFO_PKEY) {
      return Key(OSSL_STORE_INFO_get1_PKEY(info.get()), &EVP_PKEY_free);
    }
  }
  return nullptr;
}

// UI_null(), here and below: a build must not stop to ask for a passphrase.
Key key_of_provider(const std::string& uri) {
  return first_key(Store(OSSL_STORE_open(uri.c_str(), UI_null(), nullptr, nullptr, nullptr), &OSSL_STORE_close));
}

#if !defined(OPENSSL_NO_ENGINE) && __has_include(<openssl/engine.h>)
Key key_of_engine(const std::string& uri) {
  ENGINE* engine = ENGINE_by_id("pkcs11");
  if (engine == nullptr) return nullptr;
  Key key;
  if (ENGINE_init(engine) == 1) {
    auto* silent = const_cast<UI_METHOD*>(UI_null());  // NOLINT: the engine does not change it
    EVP_PKEY* loaded = ENGINE_load_private_key(engine, uri.c_str(), silent, nullptr);
    if (loaded != nullptr) key.reset(loaded, &EVP_PKEY_free);
    ENGINE_finish(engine);
  }
  ENGINE_free(engine);
  return key;
}
#else
Key key_of_engine(const std::string&) { return nullptr; }
#endif

Key key_of_token(const std::string& uri) {
  if (Key key = key_of_provider(uri)) return key;
  // Not named in openssl.cnf, perhaps, but installed. 1: the default provider stays.
  if (OSSL_PROVIDER_try_load(nullptr, "pkcs11", 1) != nullptr) {
    if (Key key = key_of_provider(uri)) return key;
  }
  return key_of_engine(uri);
}

Key key_of_file(const Fd& directory, const std::string& path) {
  const Bytes text = read_file(directory, path, max_file_size);
  const Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &BIO_free);
  if (!bio) throw std::bad_alloc();
  return first_key(
      Store(OSSL_STORE_attach(bio.get(), "file", nullptr, nullptr, UI_null(), nullptr, nullptr, nullptr, nullptr),
            &OSSL_STORE_close));
}

}  // namespace

std::shared_ptr<evp_pkey_st> load_private_key(const Fd& directory, const std::string& name) {
  const bool token = name.starts_with("pkcs11:");
  Key key = token ? key_of_token(name) : key_of_file(directory, name);
  const std::string reason = take_openssl_reason();
  if (key) return key;
  // The URI may hold the PIN.
  const std::string label = token ? "key " + quoted(name.substr(0, name.find('?'))) : "key " + quoted(name);
  throw Error(Fault::malformed,
              label + ": no private key that can be read (" +
                  (token ? "token absent, wrong PIN, or neither OpenSSL's provider pkcs11 nor its engine is installed"
                         : "a key with a passphrase is not supported") +
                  ")" + (reason.empty() ? "" : ": " + reason));
}

}  // namespace sealroot
