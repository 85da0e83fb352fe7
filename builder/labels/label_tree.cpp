// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/labels/label_tree.hpp"

#include <array>
#include <utility>
#include <vector>

#include "store/core/error.hpp"

namespace sealroot {

namespace {

constexpr std::string_view label_xattr = "security.selinux";
constexpr std::array<std::pair<LabelMode, std::string_view>, 3> mode_names{
    {{LabelMode::automatic, "auto"}, {LabelMode::off, "off"}, {LabelMode::require, "require"}}};

/// As in file_contexts.
char type_of(const Node& node) {
  if (node.directory() != nullptr) return 'd';
  if (node.regular() != nullptr) return '-';
  if (node.symlink() != nullptr) return 'l';
  if (const auto* device = std::get_if<DeviceNode>(&node.content)) return device->block ? 'b' : 'c';
  return std::holds_alternative<Fifo>(node.content) ? 'p' : 's';
}

void set_label(Node& node, const std::string* label) {
  if (label != nullptr) node.metadata.xattrs[label_xattr] = *label;
}

class Labelling {
 public:
  Labelling(Tree& tree, Policy& policy) : tree_(tree), policy_(policy), labels_(tree.nodes.size(), std::nullopt) {}

  /// Depth first in byte order: of a file with several names the first one met counts.
  void run() {
    enter(root_node, "/");
    while (!open_.empty()) {
      Frame& frame = open_.back();
      if (frame.next == frame.end) {
        open_.pop_back();
        continue;
      }
      auto& [name, id] = *frame.next++;
      std::string path = path_of(frame.path, name);
      if (tree_[id].directory() != nullptr) {
        enter(id, std::move(path));
      } else {
        label_file(id, path);
      }
    }
    for (Node& copy : copies_) tree_.add(std::move(copy));
  }

 private:
  struct Frame {
    std::string path;  // no longer than that of an entry may be, plus that of an alias
    Children::iterator next;
    Children::iterator end;
  };

  std::string path_of(const std::string& parent, std::string_view name) const {
    std::string path = parent + (parent.ends_with('/') ? "" : "/");
    path += name;
    const auto alias = policy_.aliases.find(path);
    return alias == policy_.aliases.end() ? path : alias->second;
  }

  void enter(NodeId id, std::string path) {
    set_label(tree_[id], policy_.rules.find(path, 'd'));
    auto& children = tree_[id].directory()->children;
    open_.push_back({std::move(path), children.begin(), children.end()});
  }

  /// `id` is the directory's own record of the file.
  void label_file(NodeId& id, const std::string& path) {
    const std::string* const label = policy_.rules.find(path, type_of(tree_[id]));
    if (!labels_[id]) {
      labels_[id] = label;
      set_label(tree_[id], label);
      return;
    }
    if (is_same(*labels_[id], label)) return;
    // Each such name gets a copy of its own, even if two want the same label: composefs-rs counts links like that.
    Node copy = tree_[id];
    copy.metadata.xattrs.erase(label_xattr);
    set_label(copy, label);
    copies_.push_back(std::move(copy));
    id = static_cast<NodeId>(tree_.nodes.size() + copies_.size() - 1);
  }

  static bool is_same(const std::string* a, const std::string* b) {
    return a == b || (a != nullptr && b != nullptr && *a == *b);
  }

  Tree& tree_;
  Policy& policy_;
  SpillTable<std::optional<const std::string*>> labels_;  // by NodeId, once a name of the file was met
  std::vector<Node> copies_;                              // of the nodes that follow tree_'s
  std::vector<Frame> open_;
};

}  // namespace

LabelMode parse_label_mode(std::string_view name) {
  for (const auto& [mode, known] : mode_names) {
    if (known == name) return mode;
  }
  throw Error(Fault::usage, "--selinux " + quoted(name) + ": not one of auto, off and require");
}

std::string_view label_mode_name(LabelMode mode) { return mode_names[static_cast<std::size_t>(mode)].second; }

std::optional<std::string> label_tree(Tree& tree, LabelMode mode, const ContentReader& read) {
  for (Node& node : tree.nodes) node.metadata.xattrs.erase(label_xattr);
  if (mode == LabelMode::off) return std::nullopt;
  return during("SELinux labels", [&]() -> std::optional<std::string> {
    std::optional<Policy> policy = load_policy(tree, read);
    if (policy) {
      Labelling(tree, *policy).run();
      return std::move(policy->name);
    }
    if (mode == LabelMode::automatic) return std::nullopt;
    throw Error(Fault::malformed, "the image names no policy in /etc/selinux/config, and --selinux require wants one");
  });
}

}  // namespace sealroot
