// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Lines -> tree. Hard links may name a file of a later line, so they are resolved at the end.
#include <algorithm>
#include <limits>
#include <optional>
#include <vector>

#include "builder/tree/dumpfile.hpp"
#include "builder/tree/dumpfile_line.hpp"
#include "builder/tree/limits.hpp"
#include "store/core/error.hpp"

namespace sealroot {
namespace {

/// A hard link's name stands for `link_bit | index into links` until all lines are read.
constexpr NodeId link_bit = NodeId{1} << 31;

[[noreturn]] void refuse(const std::string& reason) { throw Error(Fault::malformed, reason); }

}  // namespace

class DumpfileParser::Assembly {
 public:
  explicit Assembly(DumpfileRules rules) : rules_(rules) { tree_.nodes.clear(); }

  void add(std::string_view text) {
    for (std::size_t end; (end = text.find('\n')) != std::string_view::npos; text.remove_prefix(end + 1)) {
      if (partial_.empty()) {
        next_line(text.substr(0, end));
      } else {
        partial_ += text.substr(0, end);
        next_line(partial_);
        partial_.clear();
      }
    }
    partial_ += text;
    if (partial_.size() > max_line_size) next_line(partial_);  // refuses it
  }

  Tree finish() {
    if (!partial_.empty()) {
      if (rules_ == DumpfileRules::strict) refuse("the last line has no end: part of a dumpfile");
      next_line(partial_);
    }
    if (tree_.nodes.empty()) refuse("an empty dumpfile");
    for (const Link& link : links_) at_line(link.line_number, [&] { resolve(link); });
    settle_links();
    return std::move(tree_);
  }

 private:
  struct Link {
    std::size_t line_number;
    NodeId directory;
    Text name;
    Text target;
  };

  template <typename Action>
  static void at_line(std::size_t line_number, Action&& action) {
    try {
      action();
    } catch (const Error& error) {
      throw error.within("line " + std::to_string(line_number));
    }
  }

  void next_line(std::string_view text) {
    ++line_number_;
    at_line(line_number_, [&] {
      if (text.size() > max_line_size) refuse("longer than 1 MiB");
      add_entry(parse_dumpfile_line(text, rules_));
    });
  }

  void add_entry(DumpfileEntry entry) {
    if (entry.path == "/" && entry.link_target.empty()) {
      if (!tree_.nodes.empty()) refuse("a second root");
      if (entry.node.directory() == nullptr) refuse("the root is not a directory");
      tree_.nodes.push_back(std::move(entry.node));
      return;
    }
    const auto [directory, name] = split(entry.path);
    if (std::max(tree_.nodes.size(), links_.size()) >= link_bit) refuse("more than 2^31 entries");
    if (entry.link_target.empty()) {
      add_name(directory, name, static_cast<NodeId>(tree_.nodes.size()));
      tree_.add(std::move(entry.node));
    } else {
      add_name(directory, name, link_bit | static_cast<NodeId>(links_.size()));
      links_.push_back({line_number_, directory, name, entry.link_target});
    }
  }

  /// The directory that holds `full`, and its last name. Most lines stand in the directory of the line before.
  std::pair<NodeId, std::string_view> split(std::string_view full) {
    if (tree_.nodes.empty()) refuse("the first entry is not the root");
    if (!full.starts_with('/')) refuse("path: " + quoted(full) + " is not absolute");
    const std::size_t slash = full.rfind('/');
    const std::string_view parent = full.substr(0, slash);
    if (!parent_ || parent != parent_path_) {
      parent_ = find_parent(parent);
      parent_path_ = parent;
    }
    return {*parent_, full.substr(slash + 1)};
  }

  NodeId find_parent(std::string_view parent) const {
    if (parent.find("//") != std::string_view::npos) refuse("path: empty name");
    const std::optional<NodeId> id = find_entry(parent);
    if (!id) refuse("path: parent directory " + quoted(parent) + " is missing");
    if ((*id & link_bit) != 0 || tree_[*id].directory() == nullptr) refuse("path: parent is not a directory");
    return *id;
  }

  /// Like find(), but knows names that still stand for links.
  std::optional<NodeId> find_entry(std::string_view full) const {
    NodeId id = root_node;
    while (!full.empty()) {
      const std::size_t slash = full.find('/');
      const std::string_view name = full.substr(0, slash);
      full = slash == std::string_view::npos ? std::string_view{} : full.substr(slash + 1);
      if (name.empty()) continue;
      const Directory* directory = (id & link_bit) != 0 ? nullptr : tree_[id].directory();
      if (directory == nullptr) return std::nullopt;
      const auto child = directory->children.find(name);
      if (child == directory->children.end()) return std::nullopt;
      id = child->second;
    }
    return id;
  }

  void add_name(NodeId directory, std::string_view name, NodeId id) {
    if (name.empty()) refuse("path: empty name");
    if (name == "." || name == "..") refuse("path: '.' and '..' are no names");
    if (name.size() > max_name_size) refuse("path: name longer than 255 bytes");
    if (name.find('\0') != std::string_view::npos) refuse("path: NUL byte");
    if (!tree_[directory].directory()->children.emplace(name, id).second) refuse("path: given twice");
  }

  void resolve(const Link& link) {
    std::optional<NodeId> target = find_entry(link.target);
    for (std::size_t steps = 0; target && (*target & link_bit) != 0; ++steps) {
      if (steps > links_.size()) refuse("a hard link that ends in itself");
      target = find_entry(links_[*target & ~link_bit].target);
    }
    if (!target) refuse("payload: no such file " + quoted(link.target));
    if (tree_[*target].directory() != nullptr) refuse("a hard link to a directory");
    targets_.push_back(*target);
  }

  /// Names of links get their node; of the rest only what does not follow from the tree itself is kept.
  void settle_links() {
    if (!links_.empty()) find_primary_names();
    for (std::size_t i = 0; i < links_.size(); ++i) {
      tree_[links_[i].directory].directory()->children.find(links_[i].name)->second = targets_[i];
    }
    SpillTable<std::uint32_t> name_count(tree_.nodes.size(), 1);
    for (const NodeId target : targets_) ++name_count[target];
    for (NodeId id = 0; id < tree_.nodes.size(); ++id) {
      Node& node = tree_[id];
      if (node.directory() != nullptr || node.nlink == name_count[id]) node.nlink.reset();
    }
  }

  struct Step {
    NodeId directory;
    Children::const_iterator next, end;
  };

  void find_primary_names() {
    std::vector<bool> link_came_first(tree_.nodes.size());
    std::vector<bool> seen(tree_.nodes.size());
    std::vector<Step> steps{step_into(root_node)};
    while (!steps.empty()) {
      Step& step = steps.back();
      if (step.next == step.end) {
        steps.pop_back();
        continue;
      }
      const auto& [name, id] = *step.next++;
      const bool is_link = (id & link_bit) != 0;
      const NodeId node = is_link ? targets_[id & ~link_bit] : id;
      if (!is_link && link_came_first[node]) tree_.primary_names[node] = {step.directory, std::string(name)};
      if (is_link && !seen[node]) link_came_first[node] = true;
      seen[node] = true;
      if (tree_[node].directory() != nullptr) steps.push_back(step_into(node));
    }
  }

  Step step_into(NodeId directory) const {
    const auto& children = tree_[directory].directory()->children;
    return {directory, children.begin(), children.end()};
  }

  DumpfileRules rules_;
  std::string partial_;  // line whose end has not come yet
  Tree tree_;
  SpillTable<Link> links_;
  SpillTable<NodeId> targets_;  // by link
  std::optional<NodeId> parent_;
  std::string parent_path_;
  std::size_t line_number_ = 0;
};

DumpfileParser::DumpfileParser(DumpfileRules rules) : assembly_(std::make_unique<Assembly>(rules)) {}
DumpfileParser::~DumpfileParser() = default;
void DumpfileParser::add(ByteView part) { assembly_->add(as_text(part)); }
Tree DumpfileParser::finish() { return assembly_->finish(); }

Tree parse_dumpfile(ByteView text, DumpfileRules rules) {
  DumpfileParser parser(rules);
  parser.add(text);
  return parser.finish();
}

}  // namespace sealroot
