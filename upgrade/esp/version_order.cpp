// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "upgrade/esp/version_order.hpp"

#include <algorithm>

namespace sealroot {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

void skip_others(std::string_view& text) {
  constexpr std::string_view separators = "~-^.";
  while (!text.empty() && !is_digit(text.front()) && !is_letter(text.front()) &&
         separators.find(text.front()) == std::string_view::npos) {
    text.remove_prefix(1);
  }
}

/// Takes `separator` from both, if they begin with it. Whichever alone begins with it is the older.
std::weak_ordering take_separator(char separator, std::string_view& left, std::string_view& right) {
  const bool in_left = left.starts_with(separator);
  const bool in_right = right.starts_with(separator);
  if (in_left != in_right) return in_left ? std::weak_ordering::less : std::weak_ordering::greater;
  if (in_left) {
    left.remove_prefix(1);
    right.remove_prefix(1);
  }
  return std::weak_ordering::equivalent;
}

template <typename Predicate>
std::string_view take_while(std::string_view& text, Predicate predicate) {
  const auto end = std::find_if_not(text.begin(), text.end(), predicate);
  const std::string_view taken = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(taken.size());
  return taken;
}

/// Numbers of any length; a segment that is no number is older than one that is.
std::weak_ordering compare_numbers(std::string_view left, std::string_view right) {
  if (left.empty() != right.empty()) return left.empty() ? std::weak_ordering::less : std::weak_ordering::greater;
  left.remove_prefix(std::min(left.find_first_not_of('0'), left.size()));
  right.remove_prefix(std::min(right.find_first_not_of('0'), right.size()));
  if (left.size() != right.size()) return left.size() <=> right.size();
  return left.compare(right) <=> 0;
}

}  // namespace

std::weak_ordering compare_versions(std::string_view left, std::string_view right) {
  for (;;) {
    skip_others(left);
    skip_others(right);
    if (const auto order = take_separator('~', left, right); order != 0) return order;
    if (left.empty() || right.empty()) return right.empty() <=> left.empty();
    for (const char separator : {'-', '^', '.'}) {
      if (const auto order = take_separator(separator, left, right); order != 0) return order;
    }
    const bool number = (!left.empty() && is_digit(left.front())) || (!right.empty() && is_digit(right.front()));
    const auto order = number ? compare_numbers(take_while(left, is_digit), take_while(right, is_digit))
                              : take_while(left, is_letter).compare(take_while(right, is_letter)) <=> 0;
    if (order != 0) return order;
  }
}

}  // namespace sealroot
