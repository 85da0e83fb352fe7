// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The regular expression of one line of file_contexts. Two thirds of a real policy are plain paths or `PATH(/.*)?`,
// which are compared as text; PCRE2 matches the rest. Expressions are not trusted: length, compiled size and the steps
// of a match are bounded.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace sealroot {

class PathPattern {
 public:
  /// As composefs-rs has it: `^(REGEX)T$` has to match the path with the type of the file behind it ('.': any).
  ///   throws   Error{malformed} with PCRE2's reason
  PathPattern(const std::string& regex, char type);

  /// What all paths begin with that match.
  const std::string& literal() const { return literal_; }

  /// Whether the file fits; `key` is its path and the character of its type, and begins with literal().
  /// Error{malformed} if finding out takes too many steps.
  bool matches(std::string_view key) const;

  /// Bytes that PCRE2 holds for it.
  std::size_t compiled_bytes() const;

 private:
  class Regex;
  struct Free {
    void operator()(Regex* regex) const;
  };

  enum class Kind { path, subtree, regex };
  Kind kind_ = Kind::regex;
  char type_;
  std::string literal_;
  std::unique_ptr<Regex, Free> regex_;  // of kind regex only
};

}  // namespace sealroot
