// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/registry/client.hpp"

#include <algorithm>
#include <charconv>

#include <nlohmann/json.hpp>

#include "builder/registry/certificates.hpp"
#include "builder/registry/retries.hpp"
#include "store/core/error.hpp"
#include "store/json.hpp"

namespace sealroot {

namespace {

constexpr unsigned max_redirects = 10;
constexpr std::size_t max_error_body = std::size_t{8} << 10;
constexpr unsigned document_limit_seconds = 120;
constexpr std::string_view accepted_manifests =
    "Accept: application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.docker.distribution.manifest.v2+json";

/// Where a host's registry is asked.
std::string server_of(const std::string& host) { return host == "docker.io" ? "registry-1.docker.io" : host; }

bool is_success(long status) { return status >= 200 && status < 300; }
bool is_redirect(long status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/// What a registry says of an error, as far as it is what the specification wants.
std::string reason_in(const std::string& body) {
  try {
    const nlohmann::json document = parse_json(as_bytes(body), {.size_bytes = max_error_body});
    return ": " + quoted(document.at("errors").at(0).at("message").get<std::string>().substr(0, 200));
  } catch (const std::exception&) {
    return {};
  }
}

unsigned seconds_to_wait(const HttpResponse& response) {
  const std::string text = response.header("retry-after");
  unsigned seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  return error == std::errc{} && end == text.data() + text.size() ? seconds : 0;
}

[[noreturn]] void fail(const HttpResponse& response, const Url& url, const std::string& body) {
  const std::string text = url.authority() + ": status " + std::to_string(response.status) + reason_in(body);
  if (response.status == 429 || response.status == 408 || response.status >= 500) {
    throw BrokenTransfer(text, seconds_to_wait(response));
  }
  if (response.status == 404) throw Error(Fault::missing, text + " (not found)");
  if (response.status == 401 || response.status == 403) throw Error(Fault::os, text + " (access denied)");
  throw Error(Fault::os, text);
}

std::vector<std::string> scopes_for(const std::string& repository, RegistryClient::Purpose purpose,
                                    const std::string& also_pull) {
  std::vector<std::string> scopes{"repository:" + repository + ":pull" +
                                  (purpose == RegistryClient::Purpose::push ? ",push" : "")};
  if (!also_pull.empty()) scopes.push_back("repository:" + also_pull + ":pull");
  return scopes;
}

std::string without_parameters(std::string type) {
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' ')) type.pop_back();
  return type;
}

}  // namespace

/// A connection out of the idle ones, given back when this ends well.
class RegistryClient::Lease {
 public:
  explicit Lease(RegistryClient& client) : client_(client) {
    const std::lock_guard lock(client_.idle_mutex_);
    if (client_.idle_.empty()) {
      connection_ = std::make_unique<HttpConnection>();
    } else {
      connection_ = std::move(client_.idle_.back());
      client_.idle_.pop_back();
    }
  }
  ~Lease() {
    const std::lock_guard lock(client_.idle_mutex_);
    client_.idle_.push_back(std::move(connection_));
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  HttpConnection& operator*() { return *connection_; }

 private:
  RegistryClient& client_;
  std::unique_ptr<HttpConnection> connection_;
};

RegistryClient::RegistryClient(Endpoint endpoint, RegistryOptions options, Purpose purpose,
                               const std::string& also_pull)
    : endpoint_(std::move(endpoint)),
      options_(std::move(options)),
      repository_(endpoint_.reference.repository),
      tls_(find_certificates(options_.cert_dir, endpoint_.reference.host)),
      access_(options_, endpoint_.reference, scopes_for(repository_, purpose, also_pull)) {
  tls_.verify = options_.tls_verify.value_or(!endpoint_.insecure);
}

bool RegistryClient::answers(const Url& url) {
  HttpRequest request{.url = url, .tls = tls_, .limit_seconds = document_limit_seconds};
  try {
    one_exchange(
        request, [](const HttpResponse&, ByteView) { return false; }, nullptr);
    return true;
  } catch (const Error&) {
    return false;
  }
}

/// Only a registry that need not prove who it is may be one without TLS.
Url RegistryClient::find_base() {
  const std::string server = server_of(endpoint_.reference.host) + "/";
  const Url secure = parse_url("https://" + server);
  if (tls_.verify || answers(resolve_url(secure, "/v2/"))) return secure;
  Url plain = parse_url("http://" + server);
  return answers(resolve_url(plain, "/v2/")) ? plain : secure;
}

const Url& RegistryClient::base() {
  std::call_once(base_found_, [this] { base_ = find_base(); });
  return base_;
}

HttpRequest RegistryClient::prepared(const RegistryRequest& request, const Url& url, const std::string& authorization) {
  HttpRequest prepared{.method = request.method,
                       .url = url,
                       .headers = request.headers,
                       .body = request.body,
                       .stall_seconds = options_.stall_seconds,
                       .limit_seconds = request.limit_seconds};
  // Our certificate for the registry is for nobody else.
  prepared.tls = url.host == base().host ? tls_ : find_certificates(std::nullopt, url.authority());
  prepared.tls.verify = tls_.verify;
  prepared.refuse_link_local = url.host != base().host;
  if (url.same_origin(base()) && !authorization.empty()) prepared.headers.push_back("Authorization: " + authorization);
  return prepared;
}

HttpResponse RegistryClient::one_exchange(const HttpRequest& request, const BodySink& sink,
                                          const std::function<bool()>& cancelled) {
  Lease connection(*this);
  return (*connection).exchange(request, sink, cancelled);
}

HttpResponse RegistryClient::exchange(const RegistryRequest& request, const BodySink& sink,
                                      const std::function<bool()>& cancelled) {
  Url url = resolve_url(base(), request.path.find("://") != std::string::npos || request.path.starts_with('/')
                                    ? request.path
                                    : "/v2/" + repository_ + "/" + request.path);
  if (!url.same_origin(base())) {
    throw Error(Fault::untrusted, "the registry sends what is meant for it to " + quoted(url.host));
  }
  bool asked = false;
  for (unsigned redirects = 0;;) {
    const std::string authorization = access_.authorization();
    std::string error_body;
    const HttpResponse response = one_exchange(
        prepared(request, url, authorization),
        [&](const HttpResponse& head, ByteView piece) {
          if (is_success(head.status)) return sink(head, piece);
          error_body += as_text(piece.first(std::min(piece.size(), max_error_body - error_body.size())));
          return error_body.size() < max_error_body;
        },
        cancelled);
    if (is_success(response.status)) return response;
    if (response.status == 401 && url.same_origin(base()) && !asked) {
      asked = true;
      access_.answer(response, base(), tls_, authorization);
      continue;
    }
    if (!is_redirect(response.status) || (request.method != "GET" && request.method != "HEAD")) {
      fail(response, url, error_body);
    }
    if (++redirects > max_redirects) throw Error(Fault::malformed, "more than 10 redirects");
    const Url next = resolve_url(url, response.header("location"));
    if (url.scheme == "https" && next.scheme != "https") {
      throw Error(Fault::untrusted, "redirect from https to http, at " + quoted(next.host));
    }
    url = next;
  }
}

ServedManifest RegistryClient::manifest(const std::string& tag_or_digest, std::uint64_t limit_bytes) {
  return during(quoted(endpoint_.reference.name()), [&] {
    ServedManifest served;
    const HttpResponse response = Retries::around([&] {
      served.bytes.clear();
      return exchange({.path = "manifests/" + tag_or_digest,
                       .headers = {std::string(accepted_manifests)},
                       .limit_seconds = document_limit_seconds},
                      [&](const HttpResponse&, ByteView piece) {
                        if (piece.size() > limit_bytes - served.bytes.size()) {
                          throw Error(Fault::malformed, "manifest: larger than " + std::to_string(limit_bytes) +
                                                            " bytes, which it should not be");
                        }
                        served.bytes.insert(served.bytes.end(), piece.begin(), piece.end());
                        return true;
                      });
    });
    served.media_type = without_parameters(response.header("content-type"));
    const bool by_digest = tag_or_digest.find(':') != std::string::npos;
    const std::string named = by_digest ? tag_or_digest : response.header("docker-content-digest");
    const BlobDigest expected = named.empty() ? blob_digest(served.bytes) : parse_blob_digest(named);
    served.digest = blob_digest(served.bytes, expected.algorithm);
    if (served.digest != expected) {
      throw Error(Fault::untrusted,
                  "manifest digest mismatch: wanted is " + expected.text() + ", got " + served.digest.text());
    }
    return served;
  });
}

}  // namespace sealroot
