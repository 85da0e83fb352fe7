// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/compare/report.hpp"

#include <nlohmann/json.hpp>

#include "builder/image/listing.hpp"

namespace sealroot {
namespace {

constexpr std::size_t shown_digest_digits = 16;

std::string value_text(const FieldChange& change, const std::optional<std::string>& value) {
  if (!value) return "none";
  if (change.field != "digest") return *value;
  return value->substr(0, shown_digest_digits) + "...";
}

std::string node_text(const Node& node) {
  std::string text(type_name(node));
  if (const RegularFile* file = node.regular()) text += ' ' + std::to_string(file->size) + " bytes";
  if (const Symlink* link = node.symlink()) text += " -> " + listed_text(link->target);
  if (const auto* device = std::get_if<DeviceNode>(&node.content)) text += ' ' + device_numbers(*device);
  return text;
}

std::string amount_text(const Amount& amount, const std::string& what) {
  return std::to_string(amount.count) + ' ' + what + " (" + std::to_string(amount.bytes) + " bytes)";
}

nlohmann::ordered_json amount_record(const Amount& amount) {
  return {{"count", amount.count}, {"bytes", amount.bytes}};
}

nlohmann::ordered_json value_record(const std::optional<std::string>& value) {
  if (!value) return nullptr;
  return *value;
}

}  // namespace

std::string change_line(const Change& change) {
  const std::string path = listed_text(change.path);
  if (change.before == nullptr) return "+ " + path + ": " + node_text(*change.after);
  if (change.after == nullptr) return "- " + path + ": " + node_text(*change.before);
  std::string line = "~ " + path;
  const char* before = ": ";
  for (const FieldChange& field : change.fields) {
    line += before + field.field + ' ' + value_text(field, field.before) + " -> " + value_text(field, field.after);
    before = ", ";
  }
  return line;
}

nlohmann::ordered_json change_record(const Change& change) {
  if (change.before == nullptr || change.after == nullptr) {
    const bool added = change.before == nullptr;
    const Node& node = added ? *change.after : *change.before;
    nlohmann::ordered_json record = {{"path", listed_text(change.path)}, {"change", added ? "added" : "removed"}};
    record.update(node_record(node));
    return record;
  }
  nlohmann::ordered_json fields = nlohmann::ordered_json::array();
  for (const FieldChange& field : change.fields) {
    fields.push_back(
        {{"field", field.field}, {"before", value_record(field.before)}, {"after", value_record(field.after)}});
  }
  return {{"path", listed_text(change.path)}, {"change", "changed"}, {"fields", fields}};
}

std::string comparison_summary(const Comparison& comparison) {
  std::string text =
      std::to_string(comparison.added) + " paths added, " + std::to_string(comparison.removed) + " removed, " +
      std::to_string(comparison.changed) + " changed; contents: " + amount_text(comparison.files_added, "added") +
      ", " + amount_text(comparison.files_removed, "removed") +
      "\nobjects: " + amount_text(comparison.objects_shared, "shared") + ", " +
      amount_text(comparison.objects_added, "added") + ", " + amount_text(comparison.objects_removed, "removed") + '\n';
  if (!comparison.contents_compared) {
    text += "contents: not compared where sizes are equal, since one side has sha256 and the other sha512 digests\n";
  }
  return text;
}

nlohmann::ordered_json comparison_record(const Comparison& comparison) {
  return {{"equal", comparison.equal()},
          {"added", comparison.added},
          {"removed", comparison.removed},
          {"changed", comparison.changed},
          {"contents_compared", comparison.contents_compared},
          {"files_added", amount_record(comparison.files_added)},
          {"files_removed", amount_record(comparison.files_removed)},
          {"objects_shared", amount_record(comparison.objects_shared)},
          {"objects_added", amount_record(comparison.objects_added)},
          {"objects_removed", amount_record(comparison.objects_removed)}};
}

}  // namespace sealroot
