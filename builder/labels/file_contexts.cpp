// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/labels/file_contexts.hpp"

#include <algorithm>
#include <cctype>

#include "store/core/error.hpp"

namespace sealroot {

namespace {

constexpr std::string_view white_space = " \t\v\f\r";
constexpr std::size_t max_field_count = 3;

Error bad(const std::string& reason) { return {Fault::malformed, reason}; }

template <typename Action>
void for_each_line(std::string_view text, Action&& action) {
  for (unsigned number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    during("line " + std::to_string(number), [&] { action(line, number); });
  }
}

/// The words of a line; none of an empty one or a comment. libselinux has ASCII only in what is no comment, too.
std::vector<std::string_view> fields_of(std::string_view line) {
  std::vector<std::string_view> fields;
  for (std::size_t at = line.find_first_not_of(white_space); at != std::string_view::npos;
       at = line.find_first_not_of(white_space, at)) {
    const std::size_t end = std::min(line.find_first_of(white_space, at), line.size());
    const std::string_view field = line.substr(at, end - at);
    if (fields.empty() && field.starts_with('#')) return {};
    if (!std::all_of(field.begin(), field.end(), [](char c) { return c > ' ' && c <= '~'; })) {
      throw bad(quoted(field) + ": only printable ASCII is allowed");
    }
    if (fields.size() == max_field_count) throw bad(quoted(field) + ": the line has more fields than it may have");
    fields.push_back(field);
    at = end;
  }
  return fields;
}

FileContext parse_rule(const std::vector<std::string_view>& fields, unsigned line) {
  FileContext rule{std::string(fields[0]), '.', std::string(fields.back()), line};
  const bool typed = fields.size() > 1 && fields[1].starts_with('-');
  if (typed) {
    if (fields[1].size() != 2 || std::string_view("bcdpls-").find(fields[1][1]) == std::string_view::npos) {
      throw bad(quoted(fields[1]) + ": not a type of file");
    }
    rule.type = fields[1][1];
  }
  if (fields.size() != (typed ? 3U : 2U)) throw bad("not of the form REGEX [-TYPE] CONTEXT");
  return rule;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t start = std::min(text.find_first_not_of(white_space), text.size());
  return text.substr(start, text.find_last_not_of(white_space) + 1 - start);
}

bool is_same_but_for_case(std::string_view a, std::string_view upper) {
  return std::equal(a.begin(), a.end(), upper.begin(), upper.end(),
                    [](char x, char y) { return (x >= 'a' && x <= 'z' ? x - 'a' + 'A' : x) == y; });
}

}  // namespace

std::vector<FileContext> parse_file_contexts(std::string_view text) {
  std::vector<FileContext> rules;
  for_each_line(text, [&](std::string_view line, unsigned number) {
    const std::vector<std::string_view> fields = fields_of(line);
    if (!fields.empty()) rules.push_back(parse_rule(fields, number));
  });
  return rules;
}

void parse_path_aliases(std::string_view text, PathAliases& aliases) {
  for_each_line(text, [&](std::string_view line, unsigned) {
    const std::vector<std::string_view> fields = fields_of(line);
    if (fields.empty()) return;
    if (fields.size() != 2) throw bad("not of the form ALIAS PATH");
    aliases.insert_or_assign(std::string(fields[0]), std::string(fields[1]));
  });
}

std::optional<std::string> parse_policy_name(std::string_view config) {
  std::optional<std::string> name;
  for_each_line(config, [&](std::string_view line, unsigned) {
    const std::size_t equals = line.find('=');
    if (name || equals == std::string_view::npos) return;
    if (is_same_but_for_case(trimmed(line.substr(0, equals)), "SELINUXTYPE")) name = trimmed(line.substr(equals + 1));
  });
  return name;
}

}  // namespace sealroot
