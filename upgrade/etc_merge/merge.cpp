// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "upgrade/etc_merge/merge.hpp"

#include <algorithm>
#include <set>

#include "builder/source/directory.hpp"
#include "store/core/error.hpp"
#include "store/ingest.hpp"
#include "upgrade/etc_merge/nodes.hpp"

namespace sealroot {

namespace {

/// The node at one path on each side; null where there is none.
struct Three {
  const Node* old = nullptr;
  const Node* here = nullptr;
  const Node* fresh = nullptr;
};

enum class Choice : std::uint8_t { same, here, fresh, conflict };

template <typename Same>
Choice choose(const Three& nodes, Same&& same) {
  if (same(nodes.here, nodes.fresh)) return Choice::same;
  if (same(nodes.old, nodes.here)) return Choice::fresh;
  return same(nodes.old, nodes.fresh) ? Choice::here : Choice::conflict;
}

const char* fate(const Node* before, const Node* after) {
  if (after == nullptr) return "removed";
  return before == nullptr ? "added" : "changed";
}

class Merger {
 public:
  Merger(const EtcSide& old_image, const EtcSide& here, const EtcSide& new_image, EtcPolicy policy)
      : old_(old_image), here_(here), new_(new_image), prefers_here_(policy != EtcPolicy::take_new) {}

  EtcMerge run() && {
    merge_.tree.nodes.clear();
    resolve("", old_.top, here_.top, new_.top);
    if (merge_.tree.nodes.empty()) add_directory(merge_.tree);
    std::stable_sort(merge_.changes.begin(), merge_.changes.end(),
                     [](const EtcChange& left, const EtcChange& right) { return left.path < right.path; });
    return std::move(merge_);
  }

 private:
  /// What came out at a path, and whether something below or at it would be lost without it.
  struct Outcome {
    std::optional<NodeId> node;
    bool holds_local = false;
    bool holds_fresh = false;
  };
  using Ids = std::array<std::optional<NodeId>, 3>;

  static const Node* node_of(const EtcSide& side, const std::optional<NodeId>& id) {
    return id ? &side.tree[*id] : nullptr;
  }

  Outcome resolve(const std::string& path, std::optional<NodeId> old, std::optional<NodeId> here,
                  std::optional<NodeId> fresh) {
    if (here && std::holds_alternative<Socket>(here_.tree[*here].content)) here.reset();
    const Three nodes{node_of(old_, old), node_of(here_, here), node_of(new_, fresh)};
    const Choice choice = choose(nodes, same_content);
    bool local = choice == Choice::here || (choice == Choice::conflict && prefers_here_);
    const NodeId id = add_directory(merge_.tree);  // before its children: the root is the first
    const std::size_t first = merge_.changes.size();
    note(path, choice, local, false, nodes);
    auto children = resolve_children(path, {old, here, fresh});
    const auto any = [&](auto member) {
      return std::any_of(children.begin(), children.end(), [&](const auto& child) { return child.second.*member; });
    };
    const bool stays_directory = is_directory(local ? nodes.here : nodes.fresh);
    const bool gone = nodes.fresh == nullptr;
    if (!stays_directory && !local && gone && any_node(children)) {
      local = true;
      replace_note(first,
                   {path, EtcChange::Kind::kept, local, false, "removed by the image, but holds changes made here"});
    } else if (!stays_directory && !local && !gone && any(&Outcome::holds_local)) {
      local = prefers_here_;
      replace_note(first, {path, EtcChange::Kind::conflict, local, false,
                           "a directory with changes here, something else in the image"});
    } else if (!stays_directory && local && any(&Outcome::holds_fresh)) {
      local = prefers_here_;
      replace_note(first, {path, EtcChange::Kind::conflict, local, false,
                           std::string(fate(nodes.old, nodes.here)) + " here, a directory with changes in the image"});
    }
    const Node* const chosen = local ? nodes.here : nodes.fresh;
    Outcome outcome;
    if (!is_directory(chosen)) {
      children.clear();
      erase_notes(first, [&](const EtcChange& change) {
        return change.path != path && (!gone || change.kind != EtcChange::Kind::conflict);
      });
    }
    const bool disputed = choice == Choice::conflict;
    outcome.holds_local = nodes.here != nullptr && (disputed || choice == Choice::here);
    outcome.holds_fresh = nodes.fresh != nullptr && (disputed || choice == Choice::fresh);
    if (chosen == nullptr) return outcome;
    Node& node = merge_.tree[id];
    if (chosen->directory() == nullptr) node.content = chosen->content;
    node.metadata = merged_metadata(path, nodes, chosen, local);
    if (local && chosen->regular() != nullptr) merge_.local_files.emplace(id, path);
    outcome.node = id;
    for (const auto& [name, child] : children) {
      outcome.holds_local |= child.holds_local;
      outcome.holds_fresh |= child.holds_fresh;
      if (child.node) merge_.tree[id].directory()->children.emplace(name, *child.node);
    }
    return outcome;
  }

  using Outcomes = std::vector<std::pair<std::string, Outcome>>;

  static bool any_node(const Outcomes& outcomes) {
    return std::any_of(outcomes.begin(), outcomes.end(), [](const auto& one) { return one.second.node.has_value(); });
  }

  Outcomes resolve_children(const std::string& path, const Ids& parents) {
    const std::array<const EtcSide*, 3> sides{&old_, &here_, &new_};
    std::set<std::string> names;
    for (std::size_t i = 0; i < sides.size(); ++i) {
      const Node* const node = node_of(*sides[i], parents[i]);
      if (!is_directory(node)) continue;
      for (const auto& [name, child] : node->directory()->children) names.insert(name);
    }
    Outcomes outcomes;
    for (const std::string& name : names) {
      Ids children;
      for (std::size_t i = 0; i < sides.size(); ++i) {
        const Node* const node = node_of(*sides[i], parents[i]);
        if (!is_directory(node)) continue;
        const auto found = node->directory()->children.find(name);
        if (found != node->directory()->children.end()) children[i] = found->second;
      }
      const std::string child_path = path.empty() ? name : path + "/" + name;
      outcomes.emplace_back(name, resolve(child_path, children[0], children[1], children[2]));
    }
    return outcomes;
  }

  /// Of contents that only one side has, its own; else a question for itself.
  Metadata merged_metadata(const std::string& path, const Three& nodes, const Node* chosen, bool local) {
    const bool both =
        nodes.here != nullptr && nodes.fresh != nullptr && nodes.here->content.index() == nodes.fresh->content.index();
    if (!both) return chosen->metadata;
    const Choice choice = choose(nodes, same_metadata);
    const bool from_here = choice == Choice::here || (choice == Choice::conflict && prefers_here_);
    note(path, choice, from_here, true, nodes);
    Metadata metadata = from_here ? nodes.here->metadata : nodes.fresh->metadata;
    const Metadata& times = local ? nodes.here->metadata : nodes.fresh->metadata;
    metadata.mtime_seconds = times.mtime_seconds;
    metadata.mtime_nanoseconds = times.mtime_nanoseconds;
    return metadata;
  }

  void note(const std::string& path, Choice choice, bool local, bool metadata, const Three& nodes) {
    if (choice == Choice::same) return;
    EtcChange change{path, EtcChange::Kind::conflict, local, metadata, {}};
    if (choice != Choice::conflict) change.kind = local ? EtcChange::Kind::kept : EtcChange::Kind::taken;
    const std::string here = std::string(fate(nodes.old, nodes.here)) + " here";
    const std::string fresh = std::string(fate(nodes.old, nodes.fresh)) + " by the image";
    change.reason = choice == Choice::here ? here : choice == Choice::fresh ? fresh : here + ", " + fresh;
    merge_.changes.push_back(std::move(change));
  }

  template <typename Predicate>
  void erase_notes(std::size_t first, Predicate&& predicate) {
    std::vector<EtcChange>& changes = merge_.changes;
    changes.erase(std::remove_if(changes.begin() + static_cast<std::ptrdiff_t>(first), changes.end(), predicate),
                  changes.end());
  }

  /// What was noted of the path itself, from `first` on, gives way to the larger matter.
  void replace_note(std::size_t first, EtcChange change) {
    erase_notes(first, [&](const EtcChange& old) { return old.path == change.path; });
    merge_.changes.push_back(std::move(change));
  }

  const EtcSide& old_;
  const EtcSide& here_;
  const EtcSide& new_;
  bool prefers_here_;
  EtcMerge merge_;
};

}  // namespace

EtcPolicy parse_etc_policy(std::string_view name) {
  if (name == "keep-local") return EtcPolicy::keep_local;
  if (name == "take-new") return EtcPolicy::take_new;
  if (name == "fail") return EtcPolicy::fail;
  throw Error(Fault::usage, "policy for /etc " + quoted(name) + ": expected keep-local, take-new or fail");
}

EtcMerge merge_etc(const EtcSide& old_image, const EtcSide& here, const EtcSide& new_image, EtcPolicy policy) {
  return Merger(old_image, here, new_image, policy).run();
}

void require_no_conflict(const EtcMerge& merge) {
  constexpr std::size_t named = 5;
  std::string list;
  std::size_t count = 0;
  for (const EtcChange& change : merge.changes) {
    if (change.kind != EtcChange::Kind::conflict) continue;
    if (++count <= named) list += (list.empty() ? "" : "; ") + quoted("/etc/" + change.path) + " " + change.reason;
  }
  if (count == 0) return;
  if (count > named) list += "; and " + std::to_string(count - named) + " more";
  throw Error(Fault::os, "/etc has " + std::to_string(count) + " conflicts: " + list +
                             "; decide with the policy keep-local or take-new, or make the files equal");
}

Tree read_live_etc(const Fd& etc, Algorithm algorithm) {
  Ingest ingest(nullptr, algorithm, 1);
  MergedTree merged;
  merged.apply(read_directory("/proc/self/fd/" + std::to_string(etc.get()), ingest, {},
                              {.hard_links = false, .one_file_system = false, .refuse_whiteouts = false}));
  return std::move(merged).finish(ingest.finish());
}

}  // namespace sealroot
