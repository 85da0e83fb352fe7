// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// How registries are to be talked to, as the command line says it. The names are those of skopeo.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace sealroot {

struct RegistryOptions {
  std::optional<std::string> creds;       // USER[:PASSWORD] for the registry that is named, and for no mirror
  std::optional<std::string> authfile;    // credentials; else the places where podman and docker keep them
  std::optional<bool> tls_verify;         // empty: as registries.conf says, which is true where it says nothing
  std::optional<std::string> cert_dir;    // CAs and client certificate; else certs.d/HOST
  std::vector<std::string> token_realms;  // further hosts that may be told the credentials: client.hpp
  unsigned stall_seconds = 30;            // without a byte, until a transfer counts as broken
};

}  // namespace sealroot
