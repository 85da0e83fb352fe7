// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/image/listing.hpp"

#include <array>
#include <vector>

#include <nlohmann/json.hpp>

#include "builder/tree/dumpfile.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"

namespace sealroot {
namespace {

struct TypeName {
  char letter;
  const char* name;
};

TypeName type_of(const Node& node) {
  if (const DeviceNode* device = std::get_if<DeviceNode>(&node.content)) {
    return device->block ? TypeName{'b', "block device"} : TypeName{'c', "character device"};
  }
  constexpr std::array<TypeName, 6> types{
      {{'d', "directory"}, {'-', "file"}, {'l', "link"}, {'c', ""}, {'p', "fifo"}, {'s', "socket"}}};
  return types[node.content.index()];
}

/// As ls -l shows it.
std::string mode_text(const Node& node) {
  std::string text = "?rwxrwxrwx";
  text[0] = type_of(node).letter;
  const std::uint32_t mode = node.metadata.permissions;
  for (unsigned i = 0; i < 9; ++i) {
    if ((mode >> (8 - i) & 1U) == 0) text[i + 1] = '-';
  }
  const auto special = [&](std::uint32_t bit, std::size_t at, char letter) {
    if ((mode & bit) == 0) return;
    text[at] = text[at] == 'x' ? letter : static_cast<char>(letter - 'a' + 'A');
  };
  special(04000, 3, 's');
  special(02000, 6, 's');
  special(01000, 9, 't');
  return text;
}

/// The inverse of new_encode_dev of the kernel.
std::pair<std::uint32_t, std::uint32_t> major_minor(std::uint32_t rdev) {
  return {rdev >> 8 & 0xfffU, (rdev & 0xffU) | (rdev >> 12 & 0xfff00U)};
}

void add_content(nlohmann::ordered_json& record, const Node& node) {
  if (const RegularFile* file = node.regular()) {
    record["size"] = file->size;
    if (file->digest) record["digest"] = to_hex(*file->digest);
    if (!file->payload.empty()) record["payload"] = listed_text(file->payload);
    if (!file->inline_content.empty()) record["content"] = listed_text(file->inline_content);
  } else if (const Symlink* link = node.symlink()) {
    record["target"] = listed_text(link->target);
  } else if (const DeviceNode* device = std::get_if<DeviceNode>(&node.content)) {
    const auto [major, minor] = major_minor(device->rdev);
    record["major"] = major;
    record["minor"] = minor;
  }
}

}  // namespace

std::string listed_text(std::string_view text) {
  std::string out;
  append_escaped(out, text, DumpfileField::listing);
  return out;
}

void list_tree(const Tree& tree, std::string_view start, const std::function<void(const Listed&)>& visit) {
  const std::optional<NodeId> first = find(tree, start);
  if (!first) throw Error(Fault::missing, quoted(start) + ": not in the image");
  struct Step {
    const Directory* directory;
    Children::const_iterator next;
    std::size_t path_size;
  };
  std::string path(start.substr(0, start.find_last_not_of('/') + 1));
  if (!path.empty() && path[0] != '/') path.insert(0, 1, '/');
  std::vector<Step> steps;
  const auto meet = [&](NodeId id) {
    visit({path.empty() ? std::string_view("/") : path, id, tree[id]});
    if (const Directory* directory = tree[id].directory()) {
      steps.push_back({directory, directory->children.begin(), path.size()});
    }
  };
  meet(*first);
  while (!steps.empty()) {
    Step& step = steps.back();
    path.resize(step.path_size);
    if (step.next == step.directory->children.end()) {
      steps.pop_back();
      continue;
    }
    const auto& [name, id] = *step.next++;
    path.append(1, '/').append(name.view());
    meet(id);
  }
}

std::string_view type_name(const Node& node) { return type_of(node).name; }

std::string octal_mode(std::uint32_t permissions) {
  std::string text = "0000";
  for (std::size_t i = 0; i < 4; ++i) text[3 - i] = static_cast<char>('0' + (permissions >> 3 * i & 7U));
  return text;
}

std::string device_numbers(const DeviceNode& device) {
  const auto [major, minor] = major_minor(device.rdev);
  return std::to_string(major) + ',' + std::to_string(minor);
}

std::string listing_line(const Listed& listed) {
  const Metadata& metadata = listed.node.metadata;
  std::string line = mode_text(listed.node) + ' ' + std::to_string(metadata.uid) + ' ' + std::to_string(metadata.gid);
  if (const DeviceNode* device = std::get_if<DeviceNode>(&listed.node.content)) {
    line += ' ' + device_numbers(*device);
  } else {
    line += ' ' + std::to_string(listed.node.regular() != nullptr ? listed.node.regular()->size : 0);
  }
  line += ' ' + listed_text(listed.path);
  if (const Symlink* link = listed.node.symlink()) line += " -> " + listed_text(link->target);
  return line;
}

nlohmann::ordered_json node_record(const Node& node) {
  const Metadata& metadata = node.metadata;
  nlohmann::ordered_json record = {{"type", type_name(node)},
                                   {"mode", octal_mode(metadata.permissions)},
                                   {"uid", metadata.uid},
                                   {"gid", metadata.gid},
                                   {"mtime_seconds", metadata.mtime_seconds},
                                   {"mtime_nanoseconds", metadata.mtime_nanoseconds}};
  add_content(record, node);
  for (const auto& [name, value] : metadata.xattrs) record["xattrs"][listed_text(name)] = listed_text(value);
  return record;
}

nlohmann::ordered_json listing_record(const Listed& listed) {
  nlohmann::ordered_json record = {{"path", listed_text(listed.path)}, {"inode", listed.id}};
  record.update(node_record(listed.node));
  return record;
}

}  // namespace sealroot
