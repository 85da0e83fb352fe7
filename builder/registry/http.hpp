// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// One HTTP exchange over libcurl: what goes out, what comes back. Redirects, authentication and retries are not made
// here, they are decisions (client.hpp).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "builder/registry/url.hpp"
#include "store/core/bytes.hpp"
#include "store/core/error.hpp"
#include "store/core/fd.hpp"

namespace sealroot {

/// How the other side proves who it is, and we do.
struct TlsSettings {
  bool verify = true;
  std::string authorities;  // PEM, besides those of the system
  std::string certificate;  // files of our own certificate and key; empty: none
  std::string key;
};

struct HttpRequest {
  std::string method = "GET";
  Url url;
  std::vector<std::string> headers{};  // `Name: value`
  ByteView body{};                     // of POST, PUT and PATCH
  TlsSettings tls{};
  bool refuse_link_local = false;  // addresses that only this machine's surroundings know
  unsigned stall_seconds = 30;
  unsigned limit_seconds = 0;  // for the whole exchange; 0: none
};

struct HttpResponse {
  long status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case

  /// The first header of this name; empty if there is none.
  std::string header(std::string_view name) const;
};

/// A connection broke or was not made, or the other side has no time; the same request may succeed later. Errors of
/// other kinds are for good.
class BrokenTransfer : public Error {
 public:
  explicit BrokenTransfer(const std::string& message, unsigned wait_seconds = 0)
      : Error(Fault::os, message), wait_seconds_(wait_seconds) {}
  /// What the other side asks to wait for.
  unsigned wait_seconds() const { return wait_seconds_; }

 private:
  unsigned wait_seconds_;
};

/// Gets the body of a response as it comes; returns false to end the exchange, which then counts as complete.
using BodySink = std::function<bool(const HttpResponse& head, ByteView piece)>;

/// Keeps its connections open from one exchange to the next. For one thread at a time.
class HttpConnection {
 public:
  HttpConnection();
  ~HttpConnection();
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  /// `cancelled` is asked about once a second while nothing moves.
  ///   throws  BrokenTransfer; Error{untrusted}: the other side could not prove who it is; what `sink` throws
  HttpResponse exchange(const HttpRequest& request, const BodySink& sink,
                        const std::function<bool()>& cancelled = nullptr);

 private:
  class Exchange;
  void* handle_;  // CURL
};

}  // namespace sealroot
