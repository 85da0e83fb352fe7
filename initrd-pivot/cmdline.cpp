// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "initrd-pivot/cmdline.hpp"

#include <algorithm>

namespace sealroot {
namespace {

// A line of this length may have been cut by a boot loader; what was cut could have changed its meaning.
constexpr std::size_t max_line_bytes = 4095;

constexpr bool is_blank(char byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }

// Whether the key of a token (up to `=`, quotes ignored) has "composefs" in it. Look-alikes count too: who writes
// `rd.composefs=` or `"composefs=` means to name a digest, to us or to another program.
bool names_digest(std::string_view token) {
  constexpr std::string_view word = "composefs";
  std::size_t matched = 0;
  for (const char byte : token) {
    if (byte == '"') continue;
    if (byte == '=') return false;
    const char lower = byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte - 'A' + 'a') : byte;
    matched = lower == word[matched] ? matched + 1 : (lower == word.front() ? 1 : 0);
    if (matched == word.size()) return true;
  }
  return false;
}

std::optional<Reason> refuse_digest_token(std::string_view token, Config& config) {
  constexpr std::string_view current = "composefs.digest=";
  constexpr std::string_view legacy = "composefs=";
  std::optional<Digest> digest;
  bool as_sealed = true;
  if (token.starts_with(current)) {
    token.remove_prefix(current.size());
    digest = try_parse_digest_value(token);
    as_sealed = token == config.digest_value;
  } else if (token.starts_with(legacy)) {
    token.remove_prefix(legacy.size());
    digest = Digest::try_parse(token);
  }
  if (!digest) return Reason{"malformed digest on the command line: ", token};
  if (config.adopts_digest) config.digest = digest;
  if (digest != config.digest || !(as_sealed || config.adopts_digest)) {
    return Reason{"digest of the command line is not the sealed one"};
  }
  return std::nullopt;
}

bool is_allowed(std::string_view token, const Config& config) {
  for (std::size_t i = 0; i < config.allowed_count; ++i) {
    std::string_view pattern = config.allowed[i];
    if (token == pattern) return true;
    if (!pattern.ends_with('*')) continue;
    pattern.remove_suffix(1);
    if (token.starts_with(pattern)) return true;
  }
  return false;
}

std::optional<Reason> refuse_other_tokens(std::string_view line, const Config& config) {
  Tokens actual(line);
  Tokens sealed(config.command_line);
  while (const auto want = sealed.next()) {
    const auto got = actual.next();
    if (!got) return Reason{"command line lacks a signed token: ", *want};
    if (*got != *want) return Reason{"command line differs from the signed one: ", *got};
  }
  while (const auto extra = actual.next()) {
    if (!is_allowed(*extra, config)) return Reason{"command line token refused: ", *extra};
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string_view> Tokens::next() {
  while (!rest_.empty() && is_blank(rest_.front())) rest_.remove_prefix(1);
  if (rest_.empty()) return std::nullopt;
  std::size_t size = 0;
  bool quoted = false;
  for (; size < rest_.size() && (quoted || !is_blank(rest_[size])); ++size) {
    if (rest_[size] == '"') quoted = !quoted;
  }
  const std::string_view token(rest_.data(), size);
  rest_.remove_prefix(size);
  return token;
}

bool quotes_balanced(std::string_view line) { return std::count(line.begin(), line.end(), '"') % 2 == 0; }

std::optional<Reason> refuse_command_line(std::string_view line, Config& config) {
  if (line.empty() || line.back() != '\n') return Reason{"command line without its newline"};
  if (line.size() >= max_line_bytes) return Reason{"command line too long"};
  if (std::find(line.begin(), line.end(), '\0') != line.end()) return Reason{"command line with a NUL byte"};
  if (!quotes_balanced(line)) return Reason{"command line with an open quote"};
  unsigned count = 0;
  std::string_view digest_token;
  Tokens tokens(line);
  while (const auto token = tokens.next()) {
    if (!names_digest(*token)) continue;
    ++count;
    digest_token = *token;
  }
  if (count != 1) return Reason().append_number(count).append(" composefs args on the command line, 1 needed");
  if (auto refused = refuse_digest_token(digest_token, config)) return refused;
  return config.adopts_digest ? std::nullopt : refuse_other_tokens(line, config);
}

}  // namespace sealroot
