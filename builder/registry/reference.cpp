// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/registry/reference.hpp"

#include <algorithm>

#include "store/core/error.hpp"

namespace sealroot {

namespace {

constexpr std::size_t max_name_size = 255;
constexpr std::size_t max_tag_size = 128;

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
constexpr bool is_alphanumeric(char c) { return is_digit(c) || is_lower(c) || (c >= 'A' && c <= 'Z'); }

std::string_view take_until(std::string_view& rest, char separator) {
  const std::size_t end = rest.find(separator);
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return part;
}

bool is_port(std::string_view text) {
  return !text.empty() && text.size() <= 5 && std::all_of(text.begin(), text.end(), is_digit);
}

bool is_host_label(std::string_view label) {
  return !label.empty() && label.front() != '-' && label.back() != '-' &&
         std::all_of(label.begin(), label.end(), [](char c) { return is_alphanumeric(c) || c == '-'; });
}

bool is_address(std::string_view text) {
  return text.size() >= 2 && std::all_of(text.begin(), text.end(), [](char c) {
           return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':';
         });
}

/// Letters and digits in groups, between which stands `.`, `_`, `__` or any number of `-`.
bool is_name_component(std::string_view text) {
  bool after_separator = true;
  while (!text.empty()) {
    if (is_lower(text.front()) || is_digit(text.front())) {
      after_separator = false;
      text.remove_prefix(1);
      continue;
    }
    if (after_separator) return false;
    after_separator = true;
    std::size_t size = 1;
    if (text.starts_with("__")) size = 2;
    if (text.front() == '-') size = std::min(text.find_first_not_of('-'), text.size());
    if (text.front() != '.' && text.front() != '_' && text.front() != '-') return false;
    text.remove_prefix(size);
  }
  return !after_separator;
}

Error wrong(std::string_view text, const std::string& reason) {
  return {Fault::usage, "image reference " + quoted(text.substr(0, 300)) + ": " + reason};
}

/// Whether the first part of a name is a host, not a folder of docker.io.
bool looks_like_host(std::string_view part) {
  return part == "localhost" || part.find_first_of(".:") != std::string_view::npos ||
         std::any_of(part.begin(), part.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

}  // namespace

bool is_registry_host(std::string_view text) {
  if (text.starts_with('[')) {
    text.remove_prefix(1);
    if (text.find(']') == std::string_view::npos || !is_address(take_until(text, ']'))) return false;
    return text.empty() || (text.front() == ':' && is_port(text.substr(1)));
  }
  const std::size_t colon = text.find(':');
  if (colon != std::string_view::npos && !is_port(text.substr(colon + 1))) return false;
  std::string_view labels = text.substr(0, colon);
  if (labels.empty() || labels.back() == '.' || labels.size() > max_name_size) return false;
  while (!labels.empty()) {
    if (!is_host_label(take_until(labels, '.'))) return false;
  }
  return true;
}

bool is_repository_name(std::string_view text) {
  if (text.empty() || text.back() == '/' || text.size() > max_name_size) return false;
  while (!text.empty()) {
    if (!is_name_component(take_until(text, '/'))) return false;
  }
  return true;
}

bool is_tag(std::string_view text) {
  return !text.empty() && text.size() <= max_tag_size && text.front() != '.' && text.front() != '-' &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return is_alphanumeric(c) || c == '_' || c == '.' || c == '-'; });
}

std::string Reference::text() const {
  return name() + (tag.empty() ? "" : ":" + tag) + (digest ? "@" + digest->text() : "");
}

Reference parse_reference(std::string_view text) {
  Reference reference;
  std::string_view rest = text;
  std::string_view name = take_until(rest, '@');
  if (name.size() != text.size()) {
    try {
      reference.digest = parse_blob_digest(rest);
    } catch (const Error& error) {
      throw wrong(text, error.what());
    }
  }
  const std::size_t slash = name.find('/');
  if (slash != std::string_view::npos && looks_like_host(name.substr(0, slash))) {
    reference.host = take_until(name, '/');
  } else {
    reference.host = "docker.io";
  }
  if (const std::size_t colon = name.find(':'); colon != std::string_view::npos) {
    reference.tag = name.substr(colon + 1);
    if (!is_tag(reference.tag)) throw wrong(text, quoted(reference.tag) + " is not a tag");
    name = name.substr(0, colon);
  }
  reference.repository = name;
  if (reference.host == "docker.io" && name.find('/') == std::string_view::npos) {
    reference.repository = "library/" + std::string(name);
  }
  if (!is_registry_host(reference.host)) throw wrong(text, quoted(reference.host) + " is not a host");
  if (!is_repository_name(reference.repository) || name.empty()) {
    throw wrong(text, quoted(name) + " is not a name: lower-case letters, digits and . _ - / are allowed");
  }
  if (reference.tag.empty() && !reference.digest) reference.tag = "latest";
  return reference;
}

}  // namespace sealroot
