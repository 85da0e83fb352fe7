// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Addresses of the web, as far as registries use them: https, and http where somebody has allowed it.
#pragma once

#include <string>
#include <string_view>

namespace sealroot {

struct Url {
  std::string text;
  std::string scheme;  // `https` or `http`
  std::string host;    // lower case, without port
  std::string port;

  /// `host:port`, or `host` where the port is the scheme's own.
  std::string authority() const;
  bool same_origin(const Url& other) const {
    return scheme == other.scheme && host == other.host && port == other.port;
  }
};

/// An absolute URL. Error{malformed}: another scheme, or a user in it.
Url parse_url(const std::string& text);

/// What `location` means in an answer of `base`; relative ones are taken. Errors as of parse_url().
Url resolve_url(const Url& base, const std::string& location);

/// `text` as the value of a query.
std::string percent_encoded(std::string_view text);

}  // namespace sealroot
