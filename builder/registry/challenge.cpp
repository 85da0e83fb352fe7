// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/registry/challenge.hpp"

#include <algorithm>

namespace sealroot {

namespace {

constexpr std::size_t max_challenges = 16;
constexpr std::size_t max_parameters = 32;

bool is_token_character(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

std::string take_token(std::string_view& rest) {
  const auto end = std::find_if_not(rest.begin(), rest.end(), is_token_character);
  std::string token(rest.begin(), end);
  rest.remove_prefix(token.size());
  return token;
}

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

void skip(std::string_view& rest, std::string_view characters) {
  rest.remove_prefix(std::min(rest.find_first_not_of(characters), rest.size()));
}

/// A token, or text in double quotes; false if neither stands there.
bool take_value(std::string_view& rest, std::string& value) {
  if (!rest.starts_with('"')) {
    value = take_token(rest);
    return !value.empty();
  }
  for (std::size_t i = 1; i < rest.size(); ++i) {
    if (rest[i] == '"') {
      rest.remove_prefix(i + 1);
      return true;
    }
    if (rest[i] == '\\' && ++i == rest.size()) return false;
    value += rest[i];
  }
  return false;
}

/// `NAME=VALUE`, after which `rest` stands behind it; else `rest` stays.
bool take_parameter(std::string_view& rest, Challenge& challenge) {
  std::string_view ahead = rest;
  const std::string name = lower_case(take_token(ahead));
  skip(ahead, " \t");
  if (name.empty() || !ahead.starts_with('=')) return false;
  ahead.remove_prefix(1);
  skip(ahead, " \t");
  std::string value;
  if (!take_value(ahead, value) || challenge.parameters.size() == max_parameters) return false;
  challenge.parameters.emplace(name, value);
  rest = ahead;
  return true;
}

}  // namespace

std::vector<Challenge> parse_challenges(std::string_view header) {
  std::vector<Challenge> challenges;
  skip(header, " \t,");
  while (!header.empty() && challenges.size() < max_challenges) {
    Challenge challenge;
    challenge.scheme = lower_case(take_token(header));
    if (challenge.scheme.empty()) break;
    skip(header, " \t");
    while (take_parameter(header, challenge)) skip(header, " \t,");
    skip(header, " \t,");
    challenges.push_back(std::move(challenge));
  }
  return challenges;
}

}  // namespace sealroot
