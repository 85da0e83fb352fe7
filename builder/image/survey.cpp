// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/image/survey.hpp"

#include <algorithm>
#include <bit>
#include <string>

#include "builder/tree/limits.hpp"
#include "store/core/error.hpp"
#include "store/erofs/format.hpp"

namespace sealroot::image {
namespace {

/// As in mkcomposefs: all of a file's chunks in one block.
constexpr std::uint64_t max_chunk_count = erofs::block_size / sizeof(erofs::null_addr);

/// An open directory of the walk; the stack of these is the path.
struct Step {
  NodeId directory;
  Children::const_iterator next, end;
};

std::string path_of(const std::vector<Step>& steps) {
  std::string path;
  for (const Step& step : steps) path += "/" + std::prev(step.next)->first;
  return path.empty() ? "/" : path;
}

class Walk {
 public:
  explicit Walk(const Tree& tree) : tree_(tree) {
    survey_.name_count = SpillTable<std::uint32_t>(tree.nodes.size());
    survey_.home = SpillTable<NodeId>(tree.nodes.size(), root_node);
  }

  Survey run() {
    if (tree_.nodes.empty() || tree_[root_node].directory() == nullptr) refuse("the root is not a directory");
    visit(root_node, root_node);
    while (!steps_.empty()) {
      Step& step = steps_.back();
      if (step.next == step.end) {
        steps_.pop_back();
        continue;
      }
      const auto& [name, node] = *step.next++;
      check_name(name);
      ++survey_.all_names;
      visit(node, step.directory);
    }
    for (const auto& [node, name] : tree_.primary_names) settle_primary_name(node, name);
    return std::move(survey_);
  }

 private:
  [[noreturn]] void refuse(const std::string& reason) const {
    throw Error(Fault::malformed, quoted(path_of(steps_)) + ": " + reason);
  }

  void visit(NodeId id, NodeId directory) {
    if (id >= tree_.nodes.size()) refuse("no such node");
    const Node& node = tree_[id];
    if (survey_.name_count[id]++ > 0) {
      if (node.directory() != nullptr) refuse("a directory with two names");
      return;
    }
    survey_.home[id] = directory;
    survey_.depth_first.push_back(id);
    check_metadata(node.metadata);
    if (is_whiteout(node)) survey_.has_whiteout = true;
    if (const RegularFile* file = node.regular()) check_file(*file);
    if (const Symlink* link = node.symlink()) check_target(link->target);
    if (const Directory* children = node.directory()) {
      ++survey_.directory_count;
      steps_.push_back({id, children->children.begin(), children->children.end()});
    }
  }

  void check_name(std::string_view name) const {
    if (name.empty()) refuse("empty file name");
    if (name == "." || name == "..") refuse("'.' and '..' are no file names");
    if (name.size() > max_name_size) refuse("file name longer than 255 bytes");
    if (name.find('/') != std::string::npos || name.find('\0') != std::string::npos) {
      refuse("'/' or NUL in a file name");
    }
  }

  void check_metadata(const Metadata& metadata) const {
    if (metadata.permissions > 07777) refuse("mode bits beyond 07777");
    if (metadata.mtime_nanoseconds >= 1'000'000'000) refuse("a second or more of nanoseconds");
    std::size_t size = xattrs_overhead;
    for (const auto& [name, value] : metadata.xattrs) {
      if (name.empty() || name.size() > max_name_size) refuse("xattr name of no or more than 255 bytes");
      if (name.view().find('\0') != std::string_view::npos) refuse("NUL in an xattr name");
      size += xattr_overhead + name.size() + value.size();
    }
    if (!metadata.xattrs.empty() && size > max_xattrs_size) refuse("more than 32767 bytes of xattrs");
  }

  void check_file(const RegularFile& file) const {
    const std::string_view payload = file.payload;
    if (payload.size() > max_path_size || payload.find('\0') != std::string::npos) refuse("bad payload");
    if (!file.inline_content.empty()) {
      if (file.inline_content.size() != file.size) refuse("content of another length than the size says");
      if (file.size > max_content_size) refuse("inline content of more than 5000 bytes");
    } else if (file.size > 0 && chunk_count(file.size) > max_chunk_count) {
      refuse("file of more than 2^53 bytes");
    }
  }

  void check_target(std::string_view target) const {
    if (target.empty()) refuse("symbolic link without a target");
    if (target.size() > max_path_size) refuse("target of a symbolic link longer than 4095 bytes");
    if (target.find('\0') != std::string::npos) refuse("NUL in the target of a symbolic link");
  }

  // A tree that was changed after it was read may have lost the name: the first one takes over then.
  void settle_primary_name(NodeId node, const Name& name) {
    if (is_primary_name(node, name)) survey_.home[node] = name.directory;
  }

  bool is_primary_name(NodeId node, const Name& name) const {
    if (node >= tree_.nodes.size() || name.directory >= tree_.nodes.size()) return false;
    const Directory* directory = tree_[name.directory].directory();
    if (directory == nullptr || survey_.name_count[name.directory] == 0) return false;
    const auto child = directory->children.find(name.name);
    return child != directory->children.end() && child->second == node;
  }

  const Tree& tree_;
  Survey survey_;
  std::vector<Step> steps_;
};

}  // namespace

Survey survey(const Tree& tree) { return Walk(tree).run(); }

bool is_whiteout(const Node& node) {
  const DeviceNode* device = std::get_if<DeviceNode>(&node.content);
  return device != nullptr && !device->block && device->rdev == 0;
}

bool is_primary(const Tree& tree, const Survey& survey, NodeId node, NodeId directory, std::string_view name) {
  if (survey.home[node] != directory) return false;
  if (survey.name_count[node] == 1 || tree.primary_names.empty()) return true;
  const auto named = tree.primary_names.find(node);
  if (named == tree.primary_names.end() || named->second.directory != directory) return true;
  const Directory* children = tree[directory].directory();
  const auto child = children->children.find(named->second.name);
  if (child == children->children.end() || child->second != node) return true;
  return named->second.name == name;
}

unsigned chunk_bits(std::uint64_t size) {
  const unsigned bits = size > 1 ? static_cast<unsigned>(std::bit_width(size - 1)) : 1;
  return std::clamp(bits, erofs::block_bits, erofs::block_bits + erofs::chunk_format_blkbits_mask);
}

std::uint64_t chunk_count(std::uint64_t size) { return ((size - 1) >> chunk_bits(size)) + 1; }

}  // namespace sealroot::image
