// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// One repository of one registry, spoken to in the distribution protocol. Source: OCI distribution specification 1.1.
//
// Redirects are followed here, not by libcurl: only of GET and HEAD, at most ten, never from https to anything else, to
// no link-local address; the authorization stays with the registry it is for.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "builder/registry/access.hpp"
#include "builder/registry/http.hpp"
#include "builder/registry/options.hpp"
#include "builder/registry/registries_conf.hpp"
#include "store/blob_digest.hpp"
#include "store/core/fd.hpp"

namespace sealroot {

/// An index or manifest as it was served.
struct ServedManifest {
  std::string media_type;  // of the header; empty if that says nothing
  BlobDigest digest;       // of the bytes
  Bytes bytes;
};

struct RegistryRequest {
  std::string method = "GET";
  std::string path;  // below /v2/REPOSITORY/, or an address of the registry itself, as it has given one
  std::vector<std::string> headers{};
  ByteView body{};
  unsigned limit_seconds = 0;
};

class RegistryClient {
 public:
  enum class Purpose { pull, push };

  /// Does not speak to the registry yet.
  ///   also_pull  another repository that its tokens are to be good for; empty: none
  RegistryClient(Endpoint endpoint, RegistryOptions options, Purpose purpose = Purpose::pull,
                 const std::string& also_pull = "");

  const Endpoint& endpoint() const { return endpoint_; }

  /// Index or manifest by tag or digest, `limit_bytes` at most.
  ///   throws   Error{missing}; Error{untrusted}: `manifest digest mismatch`, with the digest that was asked for or the
  ///            one that the registry names
  ServedManifest manifest(const std::string& tag_or_digest, std::uint64_t limit_bytes);

  /// One exchange, with what access and redirects it takes; no retries. `sink` gets the bodies of success only.
  ///   throws   BrokenTransfer, also for status 429 and 5xx; Error{missing} for 404; Error for other failures
  ///   threads  safe
  HttpResponse exchange(const RegistryRequest& request, const BodySink& sink,
                        const std::function<bool()>& cancelled = nullptr);

 private:
  class Lease;

  const Url& base();
  Url find_base();
  bool answers(const Url& url);
  HttpRequest prepared(const RegistryRequest& request, const Url& url, const std::string& authorization);
  HttpResponse one_exchange(const HttpRequest& request, const BodySink& sink, const std::function<bool()>& cancelled);

  Endpoint endpoint_;
  RegistryOptions options_;
  std::string repository_;
  TlsSettings tls_;
  Access access_;
  std::once_flag base_found_;
  Url base_;  // of the host
  std::mutex idle_mutex_;
  std::vector<std::unique_ptr<HttpConnection>> idle_;
};

}  // namespace sealroot
