// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Private keys, in files or in a token (HSM, smart card) that never hands them out.
#pragma once

#include <memory>
#include <string>

#include "store/core/fd.hpp"

struct evp_pkey_st;

namespace sealroot {

/// `name`: PEM or DER file below `directory`, or a `pkcs11:` URI (RFC 7512; `pin-value=` or `pin-source=` in it, since
/// nobody is asked). A token is reached through OpenSSL's provider `pkcs11`, else through its engine of that name.
///   throws  Error{missing}: no such file; Error{malformed}: no private key in it, or one with a passphrase
std::shared_ptr<evp_pkey_st> load_private_key(const Fd& directory, const std::string& name);

}  // namespace sealroot
