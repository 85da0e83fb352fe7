// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The section .pcrsig: signatures over the policy "PCR 11 has this value", one for each key, bank and boot phase, by
// which a TPM releases a disk's key to every UKI of the signer and to no other.
//   {"sha256":[{"pcrs":[11],"pkfp":HEX,"pol":HEX,"sig":BASE64}, ...], ...}
// Source: TPM 2.0 Library, part 3, TPM2_PolicyPCR; systemd-measure(1), `sign`, whose output is the same.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "builder/uki/pcr.hpp"

struct evp_pkey_st;

namespace sealroot {

/// A key and the boot phases it vouches for.
struct PcrSigner {
  std::shared_ptr<evp_pkey_st> key;  // RSA: TPMs check no other signature by this policy
  std::vector<std::string> phases;   // empty: default_boot_phases()
};

/// `private_key`: PEM or DER file below `directory`, or a `pkcs11:` URI.
///   throws  Error{malformed}: not an RSA key, or `public_key` (if there is one) is not its other half
PcrSigner load_pcr_signer(const Fd& directory, const std::string& private_key,
                          const std::optional<std::string>& public_key, std::vector<std::string> phases);

/// The public half as PEM, for the section .pcrpkey.
Bytes public_key_pem(const PcrSigner& signer);

/// SHA-256 of the policy for a value of PCR 11 in one bank.
Bytes pcr11_policy(PcrBank bank, ByteView pcr_value);

/// Content of .pcrsig for `uki`, which is complete but for this section. Signers of one bank stand in their order.
std::string make_pcr_signatures(const PeFile& uki, const std::vector<PcrSigner>& signers,
                                const std::vector<PcrBank>& banks);

}  // namespace sealroot
