// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/uki/pcr_signature.hpp"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <nlohmann/json.hpp>

#include "builder/uki/certificate.hpp"
#include "builder/uki/private_key.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"

namespace sealroot {
namespace {

using Json = nlohmann::ordered_json;
using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;

constexpr std::size_t policy_size = 32;

void require(bool ok, const char* step) {
  if (!ok) throw Error(Fault::os, std::string("signing PCR 11: ") + step + ": " + take_openssl_reason());
}

Bytes sha256(ByteView bytes) {
  Bytes out(policy_size);
  require(EVP_Digest(bytes.data(), bytes.size(), out.data(), nullptr, EVP_sha256(), nullptr) == 1, "SHA-256");
  return out;
}

/// TPM_ALG_ID. Source: TPM 2.0 Library, part 2, table 9
std::uint16_t algorithm_id(PcrBank bank) {
  constexpr std::array<std::uint16_t, 4> ids = {0x0004, 0x000b, 0x000c, 0x000d};
  return ids[static_cast<std::size_t>(bank)];
}

template <typename T>
void append_big_endian(Bytes& out, T value) {
  for (int shift = 8 * (sizeof(T) - 1); shift >= 0; shift -= 8)
    out.push_back(static_cast<std::uint8_t>(value >> shift));
}

/// SHA-256 of the PKCS#1 RSAPublicKey.
Bytes fingerprint(EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int size = i2d_PublicKey(key, &der);
  require(size > 0, "encoding the public key");
  const Bytes copy(der, der + size);
  OPENSSL_free(der);
  return sha256(copy);
}

Bytes sign(EVP_PKEY* key, const Bytes& policy) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  std::size_t size = 0;
  require(context && EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key) == 1 &&
              EVP_DigestSign(context.get(), nullptr, &size, policy.data(), policy.size()) == 1,
          "using the key");
  Bytes signature(size);
  require(EVP_DigestSign(context.get(), signature.data(), &size, policy.data(), policy.size()) == 1, "using the key");
  signature.resize(size);
  return signature;
}

std::string base64(const Bytes& bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes.data(), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

}  // namespace

PcrSigner load_pcr_signer(const Fd& directory, const std::string& private_key,
                          const std::optional<std::string>& public_key, std::vector<std::string> phases) {
  PcrSigner signer{load_private_key(directory, private_key), std::move(phases)};
  if (EVP_PKEY_is_a(signer.key.get(), "RSA") == 0) {
    throw Error(Fault::malformed, "PCR key " + quoted(private_key) + ": not an RSA key");
  }
  if (public_key) {
    const Bytes text = read_file(directory, *public_key, 1 << 20);
    const Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &BIO_free);
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> other(
        bio ? PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr) : nullptr, &EVP_PKEY_free);
    if (!other || EVP_PKEY_eq(signer.key.get(), other.get()) != 1) {
      take_openssl_reason();
      throw Error(Fault::malformed, "PCR keys " + quoted(private_key) + " and " + quoted(*public_key) +
                                        ": not the two halves of one key");
    }
  }
  return signer;
}

Bytes public_key_pem(const PcrSigner& signer) {
  const Bio bio(BIO_new(BIO_s_mem()), &BIO_free);
  require(bio && PEM_write_bio_PUBKEY(bio.get(), signer.key.get()) == 1, "encoding the public key");
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, text + size};
}

Bytes pcr11_policy(PcrBank bank, ByteView pcr_value) {
  constexpr std::uint32_t command_policy_pcr = 0x0000017f;
  Bytes session(policy_size, 0);
  append_big_endian(session, command_policy_pcr);
  append_big_endian(session, std::uint32_t{1});  // TPML_PCR_SELECTION: one bank
  append_big_endian(session, algorithm_id(bank));
  session.push_back(3);  // bytes of the bit mask, PCR 0 first
  append_big_endian(session, std::uint16_t{1U << (kernel_boot_pcr - 8U)});
  session.push_back(0);
  const Bytes values = sha256(pcr_value);
  session.insert(session.end(), values.begin(), values.end());
  return sha256(session);
}

std::string make_pcr_signatures(const PeFile& uki, const std::vector<PcrSigner>& signers,
                                const std::vector<PcrBank>& banks) {
  Json all = Json::object();
  for (const PcrBank bank : banks) {
    Json& entries = all[std::string(pcr_bank_name(bank))] = Json::array();
    for (const PcrSigner& signer : signers) {
      const std::string key = to_hex(fingerprint(signer.key.get()));
      for (const std::string& phase : signer.phases.empty() ? default_boot_phases() : signer.phases) {
        const Bytes policy = pcr11_policy(bank, predict_pcr11(uki, bank, phase));
        entries.push_back({{"pcrs", {kernel_boot_pcr}},
                           {"pkfp", key},
                           {"pol", to_hex(policy)},
                           {"sig", base64(sign(signer.key.get(), policy))}});
      }
    }
  }
  return all.dump();
}

}  // namespace sealroot
