// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Small trees as text: `d/`, `d/f=content`, `l->target`, each with `@MODE` in octal where it is not the usual one.
#pragma once

#include <sstream>
#include <string>

#include "builder/tree/tree.hpp"

namespace sealroot {

inline void add_line(Tree& tree, std::string line) {
  unsigned permissions = 0;
  if (const std::size_t at = line.find('@'); at != std::string::npos) {
    permissions = static_cast<unsigned>(std::stoul(line.substr(at + 1), nullptr, 8));
    line.erase(at);
  }
  const std::size_t end = line.find_first_of("=-");
  std::string path = line.substr(0, end);
  Node node;
  if (path.ends_with('/')) {
    path.pop_back();
  } else if (line[end] == '=') {
    RegularFile& file = node.content.emplace<RegularFile>();
    file.inline_content = line.substr(end + 1);
    file.size = file.inline_content.size();
  } else {
    node.content = Symlink{line.substr(end + 2)};
  }
  node.metadata.permissions = permissions != 0 ? permissions : node.directory() != nullptr ? 0755 : 0644;
  const std::size_t slash = path.rfind('/');
  const NodeId parent = slash == std::string::npos ? root_node : *find(tree, path.substr(0, slash));
  const NodeId id = tree.add(std::move(node));
  tree[parent].directory()->children.emplace(path.substr(slash + 1), id);
}

/// Lines separated by blanks, parents first.
inline Tree tree_of(const std::string& text) {
  Tree tree;
  std::istringstream lines(text);
  for (std::string line; lines >> line;) add_line(tree, line);
  return tree;
}

inline void append_text(const Tree& tree, NodeId directory, const std::string& prefix, std::string& text) {
  for (const auto& [name, id] : tree[directory].directory()->children) {
    const Node& node = tree[id];
    const std::string path = prefix + name;
    text += (text.empty() ? "" : " ") + path;
    if (node.directory() != nullptr) text += '/';
    if (node.regular() != nullptr) text += "=" + node.regular()->inline_content;
    if (node.symlink() != nullptr) text += "->" + node.symlink()->target;
    if (std::holds_alternative<DeviceNode>(node.content)) text += "=whiteout";
    const unsigned usual = node.directory() != nullptr ? 0755 : node.regular() != nullptr ? 0644 : 0;
    if (node.metadata.permissions != usual && node.symlink() == nullptr && usual != 0) {
      std::ostringstream mode;
      mode << '@' << std::oct << node.metadata.permissions;
      text += mode.str();
    }
    if (node.directory() != nullptr) append_text(tree, id, path + "/", text);
  }
}

inline std::string text_of(const Tree& tree) {
  std::string text;
  append_text(tree, root_node, "", text);
  return text;
}

}  // namespace sealroot
