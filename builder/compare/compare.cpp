// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/compare/compare.hpp"

#include <algorithm>
#include <limits>
#include <map>

#include "builder/compare/fields.hpp"
#include "builder/tree/dumpfile.hpp"

namespace sealroot {
namespace {

constexpr NodeId no_node = std::numeric_limits<NodeId>::max();

struct ObjectUse {
  std::string name;
  std::uint64_t size = 0;
  friend auto operator<=>(const ObjectUse&, const ObjectUse&) = default;
};

/// One of the trees, and what has to be known of its inodes as a whole.
class Side {
 public:
  explicit Side(const Tree& whole)
      : tree(whole), name_count(whole.nodes.size(), 0), partner(whole.nodes.size(), no_node) {
    std::vector<NodeId> left{root_node};
    while (!left.empty()) {
      const NodeId id = left.back();
      left.pop_back();
      if (++name_count[id] != 1) continue;
      add_object(tree[id]);
      if (const Directory* directory = tree[id].directory()) {
        for (const auto& [name, child] : directory->children) left.push_back(child);
      }
    }
    std::sort(objects.begin(), objects.end());
    objects.erase(std::unique(objects.begin(), objects.end()), objects.end());
  }

  std::uint32_t links(NodeId id) const { return tree[id].nlink.value_or(name_count[id]); }
  bool has_several_names(NodeId id) const { return name_count[id] > 1 && tree[id].directory() == nullptr; }

  const Tree& tree;
  std::vector<std::uint32_t> name_count;
  std::vector<NodeId> partner;               // inode of the other side, from the first path that both have
  std::map<NodeId, std::string> first_path;  // of inodes with several names: the first one that both sides have
  std::vector<bool> counted = std::vector<bool>(tree.nodes.size());
  std::vector<ObjectUse> objects;  // ascending

 private:
  void add_object(const Node& node) {
    const RegularFile* const file = node.regular();
    if (file == nullptr || (!file->digest && file->payload.empty())) return;
    const std::string name = object_of(*file);
    if (!name.empty()) objects.push_back({name, file->size});
  }
};

struct Step {
  Children::const_iterator before, before_end, after, after_end;
  NodeId before_directory, after_directory;  // no_node where that side has none
  std::size_t path_size;
};

class TreeComparison {
 public:
  TreeComparison(const Tree& before, const Tree& after, const std::function<void(const Change&)>& visit)
      : before_(before), after_(after), visit_(visit) {}

  Comparison run() {
    meet(root_node, root_node, {});
    while (!steps_.empty()) {
      Step& step = steps_.back();
      path_.resize(step.path_size);
      const bool has_before = step.before != step.before_end;
      const bool has_after = step.after != step.after_end;
      if (!has_before && !has_after) {
        steps_.pop_back();
        continue;
      }
      const bool take_before = has_before && (!has_after || step.before->first <= step.after->first);
      const bool take_after = has_after && (!has_before || step.after->first <= step.before->first);
      const std::string_view name = take_before ? step.before->first : step.after->first;
      path_.append(1, '/').append(name);
      const NodeId left = take_before ? (step.before++)->second : no_node;
      const NodeId right = take_after ? (step.after++)->second : no_node;
      meet(left, right, name);
    }
    compare_objects();
    return result_;
  }

 private:
  std::string_view path() const { return path_.empty() ? std::string_view("/") : path_; }

  void meet(NodeId left, NodeId right, std::string_view name) {
    const Node* const before = left == no_node ? nullptr : &before_.tree[left];
    const Node* const after = right == no_node ? nullptr : &after_.tree[right];
    if (before == nullptr) {
      ++result_.added;
      visit_({path(), before, after, {}});
    } else if (after == nullptr) {
      ++result_.removed;
      visit_({path(), before, after, {}});
    } else {
      compare_both(left, right, name);
    }
    count_content(left, right);
    enter(left, right);
  }

  void compare_both(NodeId left, NodeId right, std::string_view name) {
    const Node& before = before_.tree[left];
    const Node& after = after_.tree[right];
    Change change{path(), &before, &after, {}};
    if (!compare_nodes(before, after, change.fields)) result_.contents_compared = false;
    compare_names(left, right, name, change.fields);
    if (change.fields.empty()) return;
    ++result_.changed;
    visit_(change);
  }

  /// How many names an inode has, which they are, and at which of them it is numbered.
  void compare_names(NodeId left, NodeId right, std::string_view name, std::vector<FieldChange>& fields) {
    if (before_.tree[left].directory() != nullptr || after_.tree[right].directory() != nullptr) return;
    const std::uint32_t links_before = before_.links(left);
    const std::uint32_t links_after = after_.links(right);
    if (links_before != links_after) {
      fields.push_back({"links", std::to_string(links_before), std::to_string(links_after)});
    }
    if (!before_.has_several_names(left) && !after_.has_several_names(right)) return;
    const std::optional<std::string> first_before = first_path(before_, left);
    const std::optional<std::string> first_after = first_path(after_, right);
    NodeId& partner_before = before_.partner[left];
    NodeId& partner_after = after_.partner[right];
    if (partner_before == no_node) partner_before = right;
    if (partner_after == no_node) partner_after = left;
    if ((partner_before != right || partner_after != left) && first_before != first_after) {
      fields.push_back({"hard link", first_before, first_after});
    }
    if (before_.has_several_names(left) && after_.has_several_names(right)) {
      const bool numbered_before = is_numbered_here(before_, left, !first_before, name);
      const bool numbered_after = is_numbered_here(after_, right, !first_after, name);
      const auto text = [](bool value) { return std::string(value ? "yes" : "no"); };
      if (numbered_before != numbered_after) {
        fields.push_back({"first name", text(numbered_before), text(numbered_after)});
      }
    }
  }

  /// The path that this one is a hard link to; nullopt at the first path of the inode.
  std::optional<std::string> first_path(Side& side, NodeId id) const {
    if (!side.has_several_names(id)) return std::nullopt;
    const auto [known, is_first] = side.first_path.emplace(id, path_);
    if (is_first) return std::nullopt;
    std::string text;
    append_escaped(text, known->second, DumpfileField::optional);
    return text;
  }

  /// Only dumpfiles and images that were made of some name another path than the first as the inode's own.
  bool is_numbered_here(const Side& side, NodeId id, bool is_first, std::string_view name) const {
    const auto named = side.tree.primary_names.find(id);
    if (named == side.tree.primary_names.end()) return is_first;
    const Step& step = steps_.back();
    const NodeId directory = &side == &before_ ? step.before_directory : step.after_directory;
    return named->second.directory == directory && named->second.name == name;
  }

  void count_content(NodeId left, NodeId right) {
    const RegularFile* const before = left == no_node ? nullptr : before_.tree[left].regular();
    const RegularFile* const after = right == no_node ? nullptr : after_.tree[right].regular();
    if (before != nullptr && after != nullptr && same_content(*before, *after).value_or(true)) return;
    count_once(before_, left, before, result_.files_removed);
    count_once(after_, right, after, result_.files_added);
  }

  static void count_once(Side& side, NodeId id, const RegularFile* file, Amount& amount) {
    if (file == nullptr || side.counted[id]) return;
    side.counted[id] = true;
    ++amount.count;
    amount.bytes += file->size;
  }

  void enter(NodeId left, NodeId right) {
    const Children& before = children(before_.tree, left);
    const Children& after = children(after_.tree, right);
    if (before.empty() && after.empty()) return;
    steps_.push_back({before.begin(), before.end(), after.begin(), after.end(), left, right, path_.size()});
  }

  static const Children& children(const Tree& tree, NodeId id) {
    static const Children none;
    const Directory* const directory = id == no_node ? nullptr : tree[id].directory();
    return directory == nullptr ? none : directory->children;
  }

  void compare_objects() {
    auto left = before_.objects.begin();
    auto right = after_.objects.begin();
    const auto count = [](Amount& amount, const ObjectUse& object) {
      ++amount.count;
      amount.bytes += object.size;
    };
    while (left != before_.objects.end() || right != after_.objects.end()) {
      if (right == after_.objects.end() || (left != before_.objects.end() && *left < *right)) {
        count(result_.objects_removed, *left++);
      } else if (left == before_.objects.end() || *right < *left) {
        count(result_.objects_added, *right++);
      } else {
        count(result_.objects_shared, *left++);
        ++right;
      }
    }
  }

  Side before_;
  Side after_;
  const std::function<void(const Change&)>& visit_;
  Comparison result_;
  std::vector<Step> steps_;
  std::string path_;
};

}  // namespace

Comparison compare_trees(const Tree& before, const Tree& after, const std::function<void(const Change&)>& visit) {
  return TreeComparison(before, after, visit).run();
}

}  // namespace sealroot
