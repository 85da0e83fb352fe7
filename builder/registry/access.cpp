// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/registry/access.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "builder/registry/certificates.hpp"
#include "builder/registry/challenge.hpp"
#include "builder/registry/retries.hpp"
#include "store/core/error.hpp"
#include "store/json.hpp"

namespace sealroot {

namespace {

constexpr std::size_t max_token_answer = std::size_t{1} << 20;
constexpr unsigned token_limit_seconds = 60;

/// Whether it can stand in a header, and would not end it.
bool is_token(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

std::string token_of(const Bytes& text) {
  const nlohmann::json answer = parse_json(text, {.size_bytes = max_token_answer});
  for (const char* const key : {"token", "access_token"}) {
    if (!answer.is_object() || !answer.contains(key) || !answer[key].is_string()) continue;
    std::string token = answer[key].get<std::string>();
    if (is_token(token)) return token;
  }
  throw Error(Fault::malformed, "its answer has no token");
}

std::string value_of(const std::map<std::string, std::string>& parameters, const char* key) {
  const auto found = parameters.find(key);
  return found == parameters.end() ? std::string() : found->second;
}

Bytes exchange_for_document(const HttpRequest& request) {
  HttpConnection connection;
  Bytes body;
  const HttpResponse response = connection.exchange(request, [&](const HttpResponse&, ByteView piece) {
    body.insert(body.end(), piece.begin(), piece.end());
    if (body.size() > max_token_answer) throw Error(Fault::malformed, "an answer of more than 1 MiB");
    return true;
  });
  if (response.status == 401 || response.status == 403) {
    throw Error(Fault::os, "access denied; log in first (skopeo login HOST), or give --creds");
  }
  if (response.status == 429 || response.status >= 500) {
    throw BrokenTransfer("answers with status " + std::to_string(response.status));
  }
  if (response.status != 200) throw Error(Fault::os, "answers with status " + std::to_string(response.status));
  return body;
}

}  // namespace

Access::Access(RegistryOptions options, Reference reference, std::vector<std::string> scopes)
    : options_(std::move(options)), reference_(std::move(reference)), scopes_(std::move(scopes)) {}

std::string Access::authorization() const {
  const std::lock_guard lock(mutex_);
  return authorization_;
}

const std::optional<Credentials>& Access::credentials() {
  if (!looked_for_credentials_) {
    credentials_ = options_.creds ? std::optional(parse_credentials(*options_.creds))
                                  : find_credentials(options_.authfile, reference_);
  }
  looked_for_credentials_ = true;
  return credentials_;
}

bool Access::may_see_credentials(const Url& realm, const Url& registry) const {
  if (realm.scheme != "https") return false;
  const bool above = realm.host.find('.') != std::string::npos && registry.host.ends_with("." + realm.host);
  const bool dockers = reference_.host == "docker.io" && realm.authority() == "auth.docker.io";
  return realm.host == registry.host || above || dockers ||
         std::find(options_.token_realms.begin(), options_.token_realms.end(), realm.authority()) !=
             options_.token_realms.end();
}

std::string Access::ask_for_token(const Url& realm, const std::string& service, const Url& registry,
                                  const TlsSettings& tls) {
  HttpRequest request;
  request.limit_seconds = token_limit_seconds;
  request.stall_seconds = options_.stall_seconds;
  request.tls = realm.host == registry.host ? tls : find_certificates(std::nullopt, realm.authority());
  request.tls.verify = tls.verify;
  request.refuse_link_local = realm.host != registry.host;
  const std::string query = "service=" + percent_encoded(service);
  const std::optional<Credentials>& own = credentials();
  if (own && !may_see_credentials(realm, registry)) {
    throw Error(Fault::untrusted,
                "the registry wants the credentials to be sent there, which is " +
                    std::string(realm.scheme == "https"
                                    ? "another host: if that is right, allow it with --token-realm " + realm.authority()
                                    : "not done without TLS"));
  }
  std::string form;
  if (own && !own->identity_token.empty()) {
    std::string scopes;  // one parameter here, but one for each in a GET
    for (const std::string& scope : scopes_) scopes += (scopes.empty() ? "" : " ") + scope;
    form = "grant_type=refresh_token&client_id=sealroot&" + query + "&scope=" + percent_encoded(scopes) +
           "&refresh_token=" + percent_encoded(own->identity_token);
    request.method = "POST";
    request.headers = {"Content-Type: application/x-www-form-urlencoded"};
    request.body = as_bytes(form);
    request.url = realm;
  } else {
    std::string text = realm.text + (realm.text.find('?') == std::string::npos ? "?" : "&") + query;
    for (const std::string& scope : scopes_) text += "&scope=" + percent_encoded(scope);
    request.url = parse_url(text);
    if (own) request.headers = {"Authorization: " + own->basic()};
  }
  return token_of(Retries::around([&] { return exchange_for_document(request); }));
}

std::string Access::fetch_token(const std::map<std::string, std::string>& parameters, const Url& registry,
                                const TlsSettings& tls) {
  const Url realm = during("realm of the registry", [&] { return parse_url(value_of(parameters, "realm")); });
  if (realm.scheme != "https" && registry.scheme == "https") {
    throw Error(Fault::untrusted, "the registry wants tokens to be fetched without TLS, from " + quoted(realm.host));
  }
  return during("token from " + quoted(realm.authority()),
                [&] { return "Bearer " + ask_for_token(realm, value_of(parameters, "service"), registry, tls); });
}

void Access::answer(const HttpResponse& response, const Url& registry, const TlsSettings& tls,
                    const std::string& used) {
  const std::lock_guard lock(mutex_);
  if (authorization_ != used) return;
  const Challenge* basic = nullptr;
  const Challenge* bearer = nullptr;
  std::vector<Challenge> challenges;
  for (const auto& [name, value] : response.headers) {
    if (name != "www-authenticate") continue;
    for (Challenge& challenge : parse_challenges(value)) challenges.push_back(std::move(challenge));
  }
  for (const Challenge& challenge : challenges) {
    if (challenge.scheme == "basic" && basic == nullptr) basic = &challenge;
    if (challenge.scheme == "bearer" && bearer == nullptr) bearer = &challenge;
  }
  if (bearer != nullptr) {
    authorization_ = fetch_token(bearer->parameters, registry, tls);
    return;
  }
  if (basic == nullptr) throw Error(Fault::os, "access denied, and the registry does not say what it wants to see");
  if (!credentials()) {
    throw Error(Fault::os, "access denied without a password; log in first (skopeo login " + reference_.host +
                               "), or give --creds");
  }
  if (registry.scheme != "https") throw Error(Fault::untrusted, "credentials are not sent without TLS");
  if (!used.empty()) throw Error(Fault::os, "access denied: the password is not accepted");
  authorization_ = credentials()->basic();
}

}  // namespace sealroot
