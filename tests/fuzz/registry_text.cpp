// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// What is read on the way to a registry: references, challenges, addresses, credentials, registries.conf; the first
// byte chooses which.
#include "builder/registry/challenge.hpp"
#include "builder/registry/credentials.hpp"
#include "builder/registry/reference.hpp"
#include "builder/registry/registries_conf.hpp"
#include "builder/registry/url.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace sealroot;

namespace {

void read_reference(std::string_view text) {
  const Reference reference = parse_reference(text);
  promise(parse_reference(reference.text()).text() == reference.text(), "a reference is what its text says");
  const Url url = parse_url("https://" + reference.host + "/v2/" + reference.repository + "/manifests/" +
                            reference.tag_or_digest());
  promise(url.text.ends_with("/v2/" + reference.repository + "/manifests/" + reference.tag_or_digest()),
          "a reference stays below its own address");
}

void read_address(std::string_view text) {
  const Url url = resolve_url(parse_url("https://a.b/c"), std::string(text));
  promise(url.scheme == "https" || url.scheme == "http", "no other protocols");
  promise(parse_url(url.text).same_origin(url), "an address is what its text says");
}

void read_conf(std::string_view text) {
  RegistriesConf conf;
  conf.add(text);
  for (const Endpoint& endpoint : conf.endpoints(parse_reference("a.b/c/d:1"))) {
    promise(is_registry_host(endpoint.reference.host) && is_repository_name(endpoint.reference.repository),
            "a place to ask has a name");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text = as_text(ByteView(data + 1, size - 1));
  accepts([&] {
    switch (data[0] % 5) {
      case 0:
        return read_reference(text);
      case 1:
        return static_cast<void>(parse_challenges(text));
      case 2:
        return static_cast<void>(find_entry(parse_auth_file(as_bytes(text)), parse_reference("a.b/c/d")));
      case 3:
        return read_conf(text);
      default:
        return read_address(text);
    }
  });
  return 0;
}
