// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Where the images of a name are to be had: registries.conf in format 2, with mirrors, other locations, and registries
// that are blocked or have no certificate. Source: containers-registries.conf(5).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "builder/registry/options.hpp"
#include "builder/registry/reference.hpp"

namespace sealroot {

/// One place to ask.
struct Endpoint {
  Reference reference;    // what it is called there
  bool insecure = false;  // without a certificate that can be verified, or without TLS
};

struct Mirror {
  enum class Use { all, digest_only, tag_only };
  std::string location;
  bool insecure = false;
  Use use = Use::all;
};

struct RegistryRule {
  std::string prefix;    // `host`, `host/path` or `*.domain`
  std::string location;  // instead of the prefix; empty: the same
  bool insecure = false;
  bool blocked = false;
  std::vector<Mirror> mirrors;
};

class RegistriesConf {
 public:
  /// Adds the rules of one file; those with a prefix that is there already replace it. Error{malformed}.
  void add(std::string_view text);

  /// The places to ask for a reference: mirrors in their order, then the registry itself. Error{usage} if it is
  /// blocked.
  std::vector<Endpoint> endpoints(const Reference& reference) const;

 private:
  std::map<std::string, RegistryRule> rules_;  // by prefix
};

/// Without `creds` where the place is another host than the one that was named: they are not for that.
RegistryOptions options_for(const Endpoint& endpoint, const Reference& named, RegistryOptions options);

/// $CONTAINERS_REGISTRIES_CONF, else the user's file, else that in /etc; then the files of registries.conf.d.
RegistriesConf read_registries_conf();

}  // namespace sealroot
