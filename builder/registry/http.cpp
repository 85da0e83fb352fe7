// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/registry/http.hpp"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <mutex>
#include <new>

#include "store/core/fd.hpp"

namespace sealroot {

namespace {

constexpr std::size_t max_header_bytes = std::size_t{256} << 10;
constexpr long connect_seconds = 30;
constexpr long least_bytes_a_second = 16;  // a transfer that trickles is broken, too

void start_library() {
  static std::once_flag started;
  std::call_once(started, [] { ::curl_global_init(CURL_GLOBAL_DEFAULT); });
}

/// 169.254.0.0/16 and fe80::/10: where clouds answer with secrets of the machine.
bool is_link_local(const curl_sockaddr& address) {
  const std::uint8_t* const bytes = reinterpret_cast<const std::uint8_t*>(&address.addr);
  if (address.family == AF_INET) return bytes[4] == 169 && bytes[5] == 254;
  if (address.family != AF_INET6) return false;
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address.addr).sin6_addr;
  const bool mapped = IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 169 && v6.s6_addr[13] == 254;
  return mapped || IN6_IS_ADDR_LINKLOCAL(&v6);
}

/// Failures that say nothing about the next try.
bool may_pass(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_CONNECT:
    case CURLE_PARTIAL_FILE:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
      return true;
    default:
      return false;
  }
}

bool is_distrust(CURLcode code) {
  return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CONNECT_ERROR || code == CURLE_SSL_CERTPROBLEM ||
         code == CURLE_SSL_ISSUER_ERROR || code == CURLE_SSL_INVALIDCERTSTATUS;
}

curl_blob view_blob(const std::string& text) { return {const_cast<char*>(text.data()), text.size(), CURL_BLOB_NOCOPY}; }

}  // namespace

std::string HttpResponse::header(std::string_view name) const {
  const auto found = std::find_if(headers.begin(), headers.end(), [&](const auto& one) { return one.first == name; });
  return found == headers.end() ? std::string() : found->second;
}

/// The callbacks of one exchange, and what they leave.
class HttpConnection::Exchange {
 public:
  Exchange(CURL* handle, const HttpRequest& request, const BodySink& sink, const std::function<bool()>& cancelled)
      : handle_(handle), request_(request), sink_(sink), cancelled_(cancelled), body_(request.body) {}
  ~Exchange() { ::curl_slist_free_all(headers_); }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  HttpResponse perform() {
    set_up();
    const CURLcode code = ::curl_easy_perform(handle_);
    if (failure_) std::rethrow_exception(failure_);
    if (code != CURLE_OK && !ended_) fail(code);
    ::curl_easy_getinfo(handle_, CURLINFO_RESPONSE_CODE, &response_.status);
    return std::move(response_);
  }

 private:
  template <typename Value>
  void set(CURLoption option, Value value) {
    if (::curl_easy_setopt(handle_, option, value) != CURLE_OK) {
      throw Error(Fault::os, "libcurl lacks a feature that registries need");
    }
  }

  void set_up() {
    ::curl_easy_reset(handle_);  // keeps connections
    set(CURLOPT_URL, request_.url.text.c_str());
    set(CURLOPT_PROTOCOLS_STR, request_.url.scheme.c_str());
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_USERAGENT, "sealroot/" SEALROOT_VERSION);
    set(CURLOPT_ERRORBUFFER, error_text_.data());
    set(CURLOPT_CONNECTTIMEOUT, connect_seconds);
    set(CURLOPT_LOW_SPEED_LIMIT, least_bytes_a_second);
    set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(request_.stall_seconds));
    set(CURLOPT_TIMEOUT, static_cast<long>(request_.limit_seconds));
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
    set_up_method();
    set_up_tls();
    set_up_callbacks();
    add_header_line("Expect:");  // no wait for "100 Continue": what is sent has been allowed before
    for (const std::string& header : request_.headers) add_header_line(header);
    set(CURLOPT_HTTPHEADER, headers_);
  }

  void add_header_line(const std::string& line) {
    curl_slist* const longer = ::curl_slist_append(headers_, line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    headers_ = longer;
  }

  void set_up_method() {
    if (request_.method == "GET") return;
    if (request_.method == "HEAD") {
      set(CURLOPT_NOBODY, 1L);
      return;
    }
    set(CURLOPT_UPLOAD, 1L);
    set(CURLOPT_CUSTOMREQUEST, request_.method.c_str());
    set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(body_.size()));
    set(CURLOPT_READFUNCTION, &Exchange::give_body);
    set(CURLOPT_READDATA, this);
    set(CURLOPT_SEEKFUNCTION, &Exchange::rewind_body);
    set(CURLOPT_SEEKDATA, this);
  }

  void set_up_tls() {
    const TlsSettings& tls = request_.tls;
    set(CURLOPT_SSL_VERIFYPEER, tls.verify ? 1L : 0L);
    set(CURLOPT_SSL_VERIFYHOST, tls.verify ? 2L : 0L);
    set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (!tls.authorities.empty()) {
      curl_blob blob = view_blob(tls.authorities);
      set(CURLOPT_CAINFO_BLOB, &blob);
    }
    if (!tls.certificate.empty()) {
      set(CURLOPT_SSLCERT, tls.certificate.c_str());
      set(CURLOPT_SSLKEY, tls.key.c_str());
    }
  }

  void set_up_callbacks() {
    set(CURLOPT_HEADERFUNCTION, &Exchange::take_header);
    set(CURLOPT_HEADERDATA, this);
    set(CURLOPT_WRITEFUNCTION, &Exchange::take_body);
    set(CURLOPT_WRITEDATA, this);
    set(CURLOPT_NOPROGRESS, 0L);
    set(CURLOPT_XFERINFOFUNCTION, &Exchange::ask_whether_cancelled);
    set(CURLOPT_XFERINFODATA, this);
    if (request_.refuse_link_local) {
      set(CURLOPT_OPENSOCKETFUNCTION, &Exchange::open_socket);
      set(CURLOPT_OPENSOCKETDATA, this);
    }
  }

  [[noreturn]] void fail(CURLcode code) const {
    const std::string reason = error_text_[0] != '\0' ? error_text_.data() : ::curl_easy_strerror(code);
    const std::string text = request_.url.authority() + ": " + quoted(reason);
    if (may_pass(code)) throw BrokenTransfer(text);
    throw Error(is_distrust(code) ? Fault::untrusted : Fault::os, text);
  }

  /// Runs what may throw below libcurl, which must not be unwound.
  template <typename Action>
  bool guarded(Action&& action) {
    try {
      return action();
    } catch (...) {
      failure_ = std::current_exception();
      return false;
    }
  }

  bool add_header(std::string_view line) {
    header_bytes_ += line.size();
    if (header_bytes_ > max_header_bytes) {
      throw Error(Fault::malformed, request_.url.authority() + ": more than 256 KiB of headers");
    }
    if (line.starts_with("HTTP/")) {  // another answer: what came before was a "100 Continue" or a proxy's
      response_.headers.clear();
      return true;
    }
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return true;
    std::string name(line.substr(0, colon));
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    std::string_view value = line.substr(colon + 1);
    value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
    value = value.substr(0, value.find_last_not_of(" \t\r\n") + 1);
    response_.headers.emplace_back(std::move(name), value);
    return true;
  }

  static std::size_t take_header(char* data, std::size_t, std::size_t size, void* self) {
    auto& exchange = *static_cast<Exchange*>(self);
    return exchange.guarded([&] { return exchange.add_header({data, size}); }) ? size : 0;
  }

  static std::size_t take_body(char* data, std::size_t, std::size_t size, void* self) {
    auto& exchange = *static_cast<Exchange*>(self);
    const bool goes_on = exchange.guarded([&] {
      ::curl_easy_getinfo(exchange.handle_, CURLINFO_RESPONSE_CODE, &exchange.response_.status);
      exchange.ended_ = !exchange.sink_(exchange.response_, as_bytes({data, size}));
      return !exchange.ended_;
    });
    return goes_on ? size : CURL_WRITEFUNC_ERROR;
  }

  static std::size_t give_body(char* out, std::size_t, std::size_t room, void* self) {
    ByteView& left = static_cast<Exchange*>(self)->body_;
    const std::size_t count = std::min(room, left.size());
    std::copy_n(left.begin(), count, out);
    left = left.subspan(count);
    return count;
  }

  static int rewind_body(void* self, curl_off_t offset, int origin) {
    auto& exchange = *static_cast<Exchange*>(self);
    if (origin != SEEK_SET || offset < 0) return CURL_SEEKFUNC_CANTSEEK;
    exchange.body_ = exchange.request_.body.subspan(static_cast<std::size_t>(offset));
    return CURL_SEEKFUNC_OK;
  }

  static int ask_whether_cancelled(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    const auto& exchange = *static_cast<Exchange*>(self);
    return exchange.cancelled_ && exchange.cancelled_() ? 1 : 0;
  }

  static curl_socket_t open_socket(void* self, curlsocktype, curl_sockaddr* address) {
    auto& exchange = *static_cast<Exchange*>(self);
    if (!is_link_local(*address)) return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    exchange.failure_ = std::make_exception_ptr(
        Error(Fault::untrusted, quoted(exchange.request_.url.host) + ", to which the registry sends, is link-local"));
    return CURL_SOCKET_BAD;
  }

  CURL* handle_;
  const HttpRequest& request_;
  const BodySink& sink_;
  const std::function<bool()>& cancelled_;
  ByteView body_;
  curl_slist* headers_ = nullptr;
  HttpResponse response_;
  std::size_t header_bytes_ = 0;
  bool ended_ = false;  // the sink wants no more
  std::exception_ptr failure_;
  std::array<char, CURL_ERROR_SIZE> error_text_{};
};

HttpConnection::HttpConnection() {
  start_library();
  handle_ = ::curl_easy_init();
  if (handle_ == nullptr) throw std::bad_alloc();
}

HttpConnection::~HttpConnection() { ::curl_easy_cleanup(handle_); }

HttpResponse HttpConnection::exchange(const HttpRequest& request, const BodySink& sink,
                                      const std::function<bool()>& cancelled) {
  return Exchange(handle_, request, sink, cancelled).perform();
}

}  // namespace sealroot
