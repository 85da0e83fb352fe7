// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Who we are to a registry: what `podman login`, `skopeo login` and `docker login` have stored. Source:
// containers-auth.json(5).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "builder/registry/reference.hpp"
#include "store/core/bytes.hpp"

namespace sealroot {

struct Credentials {
  std::string user;
  std::string password;
  std::string identity_token;  // instead of user and password

  /// The value of a header Authorization. Error{usage} if there is only a token.
  std::string basic() const;
};

/// `USER[:PASSWORD]` as skopeo takes it: without a colon the password is empty. Error{usage} without USER.
Credentials parse_credentials(std::string_view text);

/// One auth.json or config.json.
struct AuthFile {
  std::map<std::string, Credentials> entries;  // by `host` or `host/path`; as far as they have contents
  std::map<std::string, std::string> helpers;  // by host: the program docker-credential-VALUE
  std::string store;                           // of all hosts; empty: none
};

/// Error{malformed}.
AuthFile parse_auth_file(ByteView text);

/// The entry of the longest name that is `reference`'s or stands above it; nullopt if there is none.
std::optional<Credentials> find_entry(const AuthFile& file, const Reference& reference);

/// Looks into `authfile`, else $REGISTRY_AUTH_FILE, else the files of podman and docker, of which the first that knows
/// the reference decides.
std::optional<Credentials> find_credentials(const std::optional<std::string>& authfile, const Reference& reference);

}  // namespace sealroot
