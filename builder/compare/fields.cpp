// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/compare/fields.hpp"

#include "builder/image/listing.hpp"
#include "builder/tree/dumpfile.hpp"
#include "store/core/digest_text.hpp"

namespace sealroot {
namespace {

using Value = std::optional<std::string>;

Value escaped(std::string_view text) {
  std::string out;
  append_escaped(out, text, DumpfileField::optional);
  return out;
}

Value number(std::uint64_t value) { return std::to_string(value); }

/// Nine digits behind the point, so that nobody takes 1.5 for half a second.
Value time_text(const Metadata& metadata) {
  const std::string fraction = std::to_string(metadata.mtime_nanoseconds);
  return std::to_string(metadata.mtime_seconds) + '.' +
         std::string(9 - std::min<std::size_t>(9, fraction.size()), '0') + fraction;
}

class FieldList {
 public:
  explicit FieldList(std::vector<FieldChange>& fields) : fields_(fields) {}
  void compare(std::string_view field, Value before, Value after) {
    if (before != after) fields_.push_back({std::string(field), std::move(before), std::move(after)});
  }

 private:
  std::vector<FieldChange>& fields_;
};

void compare_xattrs(const Xattrs& before, const Xattrs& after, FieldList& list) {
  auto left = before.begin();
  auto right = after.begin();
  while (left != before.end() || right != after.end()) {
    const bool take_left = right == after.end() || (left != before.end() && left->first <= right->first);
    const bool take_right = left == before.end() || (right != after.end() && right->first <= left->first);
    const std::string field = "xattr " + *escaped(take_left ? left->first : right->first);
    list.compare(field, take_left ? escaped(left->second) : Value{}, take_right ? escaped(right->second) : Value{});
    if (take_left) ++left;
    if (take_right) ++right;
  }
}

void compare_metadata(const Metadata& before, const Metadata& after, FieldList& list) {
  list.compare("mode", octal_mode(before.permissions), octal_mode(after.permissions));
  list.compare("uid", number(before.uid), number(after.uid));
  list.compare("gid", number(before.gid), number(after.gid));
  list.compare("mtime", time_text(before), time_text(after));
  compare_xattrs(before.xattrs, after.xattrs, list);
}

Value digest_text(const RegularFile& file) { return file.digest ? Value(to_hex(*file.digest)) : Value{}; }
Value inline_text(const RegularFile& file) {
  return file.inline_content.empty() ? Value{} : escaped(file.inline_content);
}
Value payload_text(const RegularFile& file) {
  const std::string object = object_of(file);
  return object.empty() ? Value{} : escaped(object);
}

bool compare_files(const RegularFile& before, const RegularFile& after, FieldList& list) {
  list.compare("size", number(before.size), number(after.size));
  const std::optional<bool> same = same_content(before, after);
  if (!same) return false;
  list.compare("digest", digest_text(before), digest_text(after));
  list.compare("content", inline_text(before), inline_text(after));
  // Where an object has another digest it is named otherwise too.
  if (before.digest == after.digest) list.compare("payload", payload_text(before), payload_text(after));
  return true;
}

}  // namespace

std::string object_of(const RegularFile& file) {
  if (!file.payload.empty()) return std::string(file.payload);
  return file.digest && !file.without_payload ? object_path(*file.digest) : std::string{};
}

std::optional<bool> same_content(const RegularFile& before, const RegularFile& after) {
  if (before.digest && after.digest && before.digest->algorithm() != after.digest->algorithm()) {
    if (before.size != after.size) return false;
    return std::nullopt;
  }
  return before.size == after.size && before.digest == after.digest && before.inline_content == after.inline_content &&
         (before.digest || object_of(before) == object_of(after));
}

bool compare_nodes(const Node& before, const Node& after, std::vector<FieldChange>& fields) {
  FieldList list(fields);
  list.compare("type", std::string(type_name(before)), std::string(type_name(after)));
  compare_metadata(before.metadata, after.metadata, list);
  if (before.regular() != nullptr && after.regular() != nullptr) {
    return compare_files(*before.regular(), *after.regular(), list);
  }
  if (before.symlink() != nullptr && after.symlink() != nullptr) {
    list.compare("target", escaped(before.symlink()->target), escaped(after.symlink()->target));
  }
  const auto* const left = std::get_if<DeviceNode>(&before.content);
  const auto* const right = std::get_if<DeviceNode>(&after.content);
  if (left != nullptr && right != nullptr) list.compare("device", device_numbers(*left), device_numbers(*right));
  return true;
}

}  // namespace sealroot
