// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/registry/url.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <memory>
#include <new>

#include "store/core/error.hpp"

namespace sealroot {

namespace {

constexpr std::size_t max_url_size = 8192;

class Parser {
 public:
  Parser() : handle_(::curl_url()) {
    if (handle_ == nullptr) throw std::bad_alloc();
  }
  ~Parser() { ::curl_url_cleanup(handle_); }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  bool set(const std::string& text) {
    return text.size() <= max_url_size && ::curl_url_set(handle_, CURLUPART_URL, text.c_str(), 0) == CURLUE_OK;
  }

  /// Empty if there is no such part.
  std::string get(CURLUPart part, unsigned flags = 0) {
    char* text = nullptr;
    if (::curl_url_get(handle_, part, &text, flags) != CURLUE_OK) return {};
    const std::unique_ptr<char, void (*)(void*)> owner(text, ::curl_free);
    return text;
  }

 private:
  CURLU* handle_;
};

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

Url take_parts(Parser& parser, const std::string& text) {
  Url url{parser.get(CURLUPART_URL), lower_case(parser.get(CURLUPART_SCHEME)), lower_case(parser.get(CURLUPART_HOST)),
          parser.get(CURLUPART_PORT, CURLU_DEFAULT_PORT)};
  const bool is_web = url.scheme == "https" || url.scheme == "http";
  if (url.text.empty() || url.host.empty() || !is_web) {
    throw Error(Fault::malformed, "address " + quoted(text.substr(0, 200)) + ": not of https or http");
  }
  if (!parser.get(CURLUPART_USER).empty() || !parser.get(CURLUPART_PASSWORD).empty()) {
    throw Error(Fault::malformed, "address " + quoted(url.host) + ": has a user in it, which is refused");
  }
  return url;
}

}  // namespace

std::string Url::authority() const {
  const bool usual = port == (scheme == "https" ? "443" : "80");
  return usual ? host : host + ":" + port;
}

Url parse_url(const std::string& text) {
  Parser parser;
  if (!parser.set(text)) {
    throw Error(Fault::malformed, "address " + quoted(text.substr(0, 200)) + ": not of https or http");
  }
  return take_parts(parser, text);
}

Url resolve_url(const Url& base, const std::string& location) {
  Parser parser;
  if (location.empty() || !parser.set(base.text) || !parser.set(location)) {
    throw Error(Fault::malformed, "redirect to " + quoted(location.substr(0, 200)) + ": not of https or http");
  }
  return take_parts(parser, location);
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       std::string_view("-._~").find(c) != std::string_view::npos;
    const auto byte = static_cast<unsigned char>(c);
    if (plain) {
      encoded += c;
    } else {
      encoded.append(1, '%').append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
    }
  }
  return encoded;
}

}  // namespace sealroot
