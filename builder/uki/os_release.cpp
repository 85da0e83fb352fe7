// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/uki/os_release.hpp"

#include <algorithm>

#include "store/core/error.hpp"

namespace sealroot {
namespace {

constexpr std::size_t max_size = 65536;

struct Line {
  std::string_view text;  // without the newline
  std::string name;       // empty: comment or blank
  std::string value;
};

bool is_name_character(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

std::string_view trimmed(std::string_view text) {
  const std::size_t start = text.find_first_not_of(" \t\r");
  if (start == std::string_view::npos) return {};
  return text.substr(start, text.find_last_not_of(" \t\r") - start + 1);
}

/// The value with shell quoting undone; nullopt if a quote stays open or a bare value has a space.
std::optional<std::string> try_unquote(std::string_view text) {
  std::string out;
  char quote = '\0';
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != '\'' && c == '\\') {
      if (++i == text.size()) return std::nullopt;
      // In double quotes the shell keeps the backslash before anything that needs no escape.
      if (quote == '"' && std::string_view("$`\"\\").find(text[i]) == std::string_view::npos) out += '\\';
      out += text[i];
    } else if (quote != '\0' && c == quote) {
      quote = '\0';
    } else if (quote == '\0' && (c == '"' || c == '\'')) {
      quote = c;
    } else if (quote == '\0' && (c == ' ' || c == '\t')) {
      return std::nullopt;
    } else {
      out += c;
    }
  }
  if (quote != '\0') return std::nullopt;
  return out;
}

Line read_line(std::string_view text, std::size_t number) {
  Line line{text, "", ""};
  const auto fail = [&](const std::string& reason) {
    throw Error(Fault::malformed, "os-release: line " + std::to_string(number) + ": " + reason);
  };
  if (std::any_of(text.begin(), text.end(),
                  [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\r'; })) {
    fail("holds a control character");
  }
  const std::string_view assignment = trimmed(text);
  if (assignment.empty() || assignment.front() == '#') return line;
  const std::size_t equals = assignment.find('=');
  if (equals == std::string_view::npos) fail("no '=' in " + quoted(assignment));
  const std::string_view name = assignment.substr(0, equals);
  if (name.empty() || !std::all_of(name.begin(), name.end(), is_name_character)) fail("bad name " + quoted(name));
  const auto value = try_unquote(assignment.substr(equals + 1));
  if (!value) fail("bad quoting in the value of " + std::string(name));
  line.name = name;
  line.value = *value;
  return line;
}

std::vector<Line> read_lines(std::string_view text) {
  if (text.size() > max_size) throw Error(Fault::malformed, "os-release: longer than 64 KiB");
  std::vector<Line> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(read_line(text.substr(0, end), lines.size() + 1));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

}  // namespace

OsRelease OsRelease::parse(std::string_view text) {
  OsRelease result;
  for (Line& line : read_lines(text)) {
    if (!line.name.empty()) result.values_.emplace_back(std::move(line.name), std::move(line.value));
  }
  return result;
}

std::optional<std::string> OsRelease::find(std::string_view name) const {
  const auto found =
      std::find_if(values_.rbegin(), values_.rend(), [&](const auto& pair) { return pair.first == name; });
  if (found == values_.rend()) return std::nullopt;
  return found->second;
}

bool is_entry_name(std::string_view name) {
  return !name.empty() && name.front() != '.' && std::all_of(name.begin(), name.end(), [](char c) {
    return is_name_character(c) || c == '+' || c == '.' || c == '-';
  });
}

std::string os_release_with_image(std::string_view text, std::string_view image_id, std::string_view image_version) {
  for (const std::string_view value : {image_id, image_version}) {
    if (!is_entry_name(value)) {
      throw Error(Fault::usage, "image name or version " + quoted(value) + ": only A-Z a-z 0-9 + _ . - are allowed");
    }
  }
  std::string out;
  for (const Line& line : read_lines(text)) {
    if (line.name != "IMAGE_ID" && line.name != "IMAGE_VERSION") out.append(line.text).append("\n");
  }
  return out + "IMAGE_ID=" + std::string(image_id) + "\nIMAGE_VERSION=" + std::string(image_version) + "\n";
}

}  // namespace sealroot
