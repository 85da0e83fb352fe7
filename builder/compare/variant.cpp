// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/compare/variant.hpp"

#include <algorithm>
#include <array>

#include "builder/labels/label_tree.hpp"
#include "builder/tree/normalise.hpp"

namespace sealroot {
namespace {

struct Choice {
  const char* text;
  const char* how;
};

constexpr std::array<Choice, 3> forms{{
    {"raw form", "the tree as it is: mkcomposefs of a directory or dumpfile"},
    {"plain form", "sealroot digest --plain"},
    {"boot form", "sealroot digest or build, without --plain"},
}};
constexpr std::array<Choice, 4> xattr_rules{{
    {"only security.capability", "--xattrs allowlist-only"},
    {"user.* and security.capability", "--xattrs keep-user-xattrs"},
    {"all xattrs", "mkcomposefs"},
    {"no xattrs", "mkcomposefs --skip-xattrs"},
}};
constexpr std::array<Choice, 3> label_modes{{
    {"labels of the SELinux policy, if there is one", "--selinux auto"},
    {"no SELinux labels", "--selinux off, or a tool that gives none"},
    {"labels of the SELinux policy", "--selinux require"},
}};
constexpr std::array<Choice, 3> time_rules{{
    {"times as they are", "nanoseconds are kept"},
    {"times without nanoseconds", "a tool that drops them, such as tar without PAX headers"},
    {"all times 0", "mkcomposefs --use-epoch"},
}};
constexpr std::array<Choice, 2> link_rules{{
    {"hard links", "hard links are kept"},
    {"hard links as files of their own", "mkcomposefs of a directory"},
}};
constexpr std::array<Choice, 3> formats{{
    {"format V0", "mkcomposefs without options, or --max-version=0"},
    {"format V1", "mkcomposefs --min-version=1, and everything newer"},
    {"format V2", "composefs-rs before it had V1, or cfsctl in a repository without v1_erofs"},
}};

template <typename Table, typename Rule>
const Choice& choice(const Table& table, Rule rule) {
  return table[static_cast<std::size_t>(rule)];
}

/// What in a tree the rules could change.
struct Traits {
  explicit Traits(const Tree& tree) {
    has_policy = find(tree, "etc/selinux/config").has_value();
    std::vector<bool> met(tree.nodes.size());
    for (const Node& node : tree.nodes) {
      has_nanoseconds = has_nanoseconds || node.metadata.mtime_nanoseconds != 0;
      has_xattrs = has_xattrs || !node.metadata.xattrs.empty();
      if (node.directory() == nullptr) continue;
      for (const auto& [name, child] : node.directory()->children) {
        has_links = has_links || met[child];
        met[child] = true;
      }
    }
  }
  bool has_nanoseconds = false;
  bool has_policy = false;
  bool has_xattrs = false;
  bool has_links = false;
};

std::size_t tree_deviation_count(const Variant& a, const Variant& b) {
  return std::size_t{a.form != b.form} + std::size_t{a.xattrs != b.xattrs} + std::size_t{a.labels != b.labels} +
         std::size_t{a.times != b.times} + std::size_t{a.links != b.links};
}

void separate_links(Tree& tree) {
  std::vector<bool> met(tree.nodes.size());
  const std::size_t count = tree.nodes.size();
  for (NodeId id = 0; id < count; ++id) {
    if (tree[id].directory() == nullptr) continue;
    Children children = tree[id].directory()->children;
    for (auto& [name, child] : children) {
      if (met[child])
        child = tree.add(Node(tree[child]));
      else
        met[child] = true;
    }
    tree[id].directory()->children = std::move(children);
  }
  tree.primary_names.clear();
}

/// normalise_tree() has dropped them; `raw` has them still, at the same places of its table.
void restore_xattrs(const Tree& raw, TreeForm form, Tree& tree) {
  for (NodeId id = 0; id < tree.nodes.size(); ++id) tree[id].metadata.xattrs = raw[id].metadata.xattrs;
  if (form != TreeForm::raw) tree[root_node].metadata.xattrs = raw[*find(raw, "usr")].metadata.xattrs;
}

void apply_xattr_rule(const Tree& raw, const Variant& variant, Tree& tree) {
  restore_xattrs(raw, variant.form, tree);
  if (variant.xattrs == KeptXattrs::all) return;
  for (Node& node : tree.nodes) {
    node.metadata.xattrs.erase_if([&](const auto& xattr) {
      if (variant.xattrs == KeptXattrs::none) return true;
      if (xattr.first == "security.capability") return false;
      return variant.xattrs == KeptXattrs::capability || !xattr.first.starts_with("user.");
    });
  }
}

/// The mode as asked for, and whether there are labels the other way round where that makes a difference.
std::vector<LabelMode> label_choices(TreeForm form, LabelMode asked, const Traits& traits) {
  if (form != TreeForm::boot) return {asked};
  if (!traits.has_policy && asked != LabelMode::require) return {asked};
  return {asked, asked == LabelMode::off ? LabelMode::automatic : LabelMode::off};
}

void apply_time_rule(TimeRule rule, Tree& tree) {
  if (rule == TimeRule::exact) return;
  for (Node& node : tree.nodes) {
    node.metadata.mtime_nanoseconds = 0;
    if (rule == TimeRule::zero) node.metadata.mtime_seconds = 0;
  }
}

}  // namespace

std::vector<Deviation> deviations(const Variant& asked, const Variant& other) {
  std::vector<Deviation> list;
  const auto add = [&](bool differs, const Choice& what) {
    if (differs) list.push_back({what.text, what.how});
  };
  add(asked.form != other.form, choice(forms, other.form));
  add(asked.xattrs != other.xattrs, choice(xattr_rules, other.xattrs));
  add(asked.labels != other.labels, choice(label_modes, other.labels));
  add(asked.times != other.times, choice(time_rules, other.times));
  add(asked.links != other.links, choice(link_rules, other.links));
  add(asked.format != other.format, choice(formats, other.format));
  return list;
}

std::string variant_text(const Variant& variant) {
  const std::string labels =
      variant.form == TreeForm::boot ? std::string(", ") + choice(label_modes, variant.labels).text : "";
  return std::string(choice(forms, variant.form).text) + ", " + choice(xattr_rules, variant.xattrs).text + labels +
         ", " + choice(time_rules, variant.times).text + ", " + choice(link_rules, variant.links).text + ", " +
         choice(formats, variant.format).text;
}

std::vector<Variant> tree_variants(const Tree& raw, const Variant& asked) {
  const Traits traits(raw);
  std::vector<Variant> variants;
  for (const TreeForm form : {TreeForm::boot, TreeForm::plain, TreeForm::raw}) {
    for (const KeptXattrs xattrs : {KeptXattrs::capability, KeptXattrs::with_user, KeptXattrs::all, KeptXattrs::none}) {
      for (const TimeRule times : {TimeRule::exact, TimeRule::seconds, TimeRule::zero}) {
        for (const LinkRule links : {LinkRule::kept, LinkRule::separate}) {
          if (xattrs != asked.xattrs && !traits.has_xattrs) continue;
          if (times == TimeRule::seconds && times != asked.times && !traits.has_nanoseconds) continue;
          if (links != asked.links && !traits.has_links) continue;
          for (const LabelMode labels : label_choices(form, asked.labels, traits)) {
            variants.push_back({form, xattrs, labels, times, links, asked.format});
          }
        }
      }
    }
  }
  std::stable_sort(variants.begin(), variants.end(), [&](const Variant& a, const Variant& b) {
    return tree_deviation_count(a, asked) < tree_deviation_count(b, asked);
  });
  return variants;
}

std::vector<ImageFormat> format_variants(const Variant& asked) {
  std::vector<ImageFormat> list{asked.format};
  for (const ImageFormat format : {ImageFormat::v1, ImageFormat::v0, ImageFormat::v2}) {
    if (format != asked.format) list.push_back(format);
  }
  return list;
}

Tree make_variant(const Tree& raw, const Variant& variant, const ContentReader& read_file) {
  Tree tree = raw;
  shape_tree(tree, variant.form, XattrRule::keep_user_xattrs);
  apply_xattr_rule(raw, variant, tree);
  // Off leaves the labels that the xattr rule kept.
  if (variant.form == TreeForm::boot && variant.labels != LabelMode::off) label_tree(tree, variant.labels, read_file);
  apply_time_rule(variant.times, tree);
  if (variant.links == LinkRule::separate) separate_links(tree);
  return tree;
}

}  // namespace sealroot
