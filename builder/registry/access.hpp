// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// What a registry wants to see before it answers: nothing, a password, or a token that another address gives for one.
// Source: distribution specification, "token" and "oauth2" of its authentication documents.
//
// Who gets the password: the registry itself, and as the address of tokens (realm) only a host that is the registry's
// own, a domain above it (gitlab.com for registry.gitlab.com), Docker's for docker.io, or one the user has named; never
// without TLS.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "builder/registry/credentials.hpp"
#include "builder/registry/http.hpp"
#include "builder/registry/options.hpp"
#include "builder/registry/reference.hpp"

namespace sealroot {

class Access {
 public:
  /// `scopes` are what tokens are to be good for: `repository:NAME:pull`.
  Access(RegistryOptions options, Reference reference, std::vector<std::string> scopes);

  /// The value of a header Authorization; empty: none.
  std::string authorization() const;

  /// Learns from a 401 what is wanted, unless another thread has since `used` was the value.
  ///   throws   Error naming what to do, where nothing is stored that could be shown
  void answer(const HttpResponse& response, const Url& registry, const TlsSettings& tls, const std::string& used);

 private:
  std::string fetch_token(const std::map<std::string, std::string>& parameters, const Url& registry,
                          const TlsSettings& tls);
  std::string ask_for_token(const Url& realm, const std::string& service, const Url& registry, const TlsSettings& tls);
  bool may_see_credentials(const Url& realm, const Url& registry) const;
  const std::optional<Credentials>& credentials();

  RegistryOptions options_;
  Reference reference_;
  std::vector<std::string> scopes_;
  mutable std::mutex mutex_;
  std::string authorization_;
  bool looked_for_credentials_ = false;
  std::optional<Credentials> credentials_;
};

}  // namespace sealroot
