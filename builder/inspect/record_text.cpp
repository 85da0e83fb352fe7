// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// A generic printer: a second description of each record would only drift away from the first.
#include <algorithm>

#include "builder/inspect/inspect.hpp"
#include "store/core/error.hpp"

namespace sealroot {
namespace {

using Json = nlohmann::ordered_json;

bool is_plain(const std::string& text) {
  return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
}

/// Text from outside never reaches a terminal with control characters in it.
std::string scalar_text(const Json& value) {
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (!value.is_string()) return value.dump();
  const auto& text = value.get_ref<const std::string&>();
  return is_plain(text) ? text : quoted(text);
}

std::string label_text(std::string key) {
  std::ranges::replace(key, '_', ' ');
  return is_plain(key) ? key : quoted(key);
}

bool is_row(const Json& value) {
  return value.is_object() && !value.empty() && value.size() <= 3 &&
         std::ranges::all_of(value, [](const Json& field) { return !field.is_structured(); });
}

void append(std::string& out, const Json& value, std::size_t depth);

void append_entry(std::string& out, const Json& value, std::size_t depth) {
  const std::string indent(2 * depth, ' ');
  if (!value.is_structured()) {
    out.append(indent).append("- ").append(scalar_text(value)).append("\n");
  } else if (is_row(value)) {  // a table: one row a line
    out.append(indent).append("-");
    for (const Json& field : value) out.append(" ").append(scalar_text(field));
    out += "\n";
  } else {
    out.append(indent).append("-\n");
    append(out, value, depth + 1);
  }
}

void append(std::string& out, const Json& value, std::size_t depth) {
  if (value.is_array()) {
    for (const Json& entry : value) append_entry(out, entry, depth);
    return;
  }
  for (const auto& [key, field] : value.items()) {
    out.append(2 * depth, ' ').append(label_text(key)).append(":");
    if (!field.is_structured()) {
      out.append(" ").append(scalar_text(field)).append("\n");
    } else if (field.empty()) {
      out += " none\n";
    } else {
      out += "\n";
      append(out, field, depth + 1);
    }
  }
}

}  // namespace

std::string record_text(const Json& record) {
  std::string out;
  append(out, record, 0);
  return out;
}

}  // namespace sealroot
