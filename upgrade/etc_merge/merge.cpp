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

  using Outcomes = std::vector<std::pair<std::string, Outcome>>;

  Outcome resolve(const std::string& path, std::optional<NodeId> old, std::optional<NodeId> here,
                  std::optional<NodeId> fresh) {
    if (here && std::holds_alternative<Socket>(here_.tree[*here].content)) here.reset();
    const Three nodes{node_of(old_, old), node_of(here_, here), node_of(new_, fresh)};
    const Choice choice = choose(nodes, same_content);
    const bool disputed = choice == Choice::conflict;
    Outcome outcome;
    outcome.holds_local = nodes.here != nullptr && (disputed || choice == Choice::here);
    outcome.holds_fresh = nodes.fresh != nullptr && (disputed || choice == Choice::fresh);
    const NodeId id = add_directory(merge_.tree);  // before its children: the root is the first
    const std::size_t first = merge_.changes.size();
    bool local = choice == Choice::here || (disputed && prefers_here_);
    note(path, choice, local, false, nodes);
    const Outcomes children = resolve_children(path, {old, here, fresh});
    local = settle(path, nodes, local, children, first);
    const Node* const chosen = local ? nodes.here : nodes.fresh;
    if (!is_directory(chosen)) drop_notes_below(path, first, nodes.fresh == nullptr);
    if (chosen == nullptr) return outcome;
    merge_.tree[id].metadata = merged_metadata(path, nodes, chosen, local);
    outcome.node = id;
    if (chosen->directory() == nullptr) {
      merge_.tree[id].content = chosen->content;
      if (local && chosen->regular() != nullptr) merge_.local_files.emplace(id, path);
      // Hard links of the image stay what they are; those here become files of their own.
      if (!local && same_metadata(&merge_.tree[id], chosen)) outcome.node = taken_.emplace(*fresh, id).first->second;
      return outcome;
    }
    for (const auto& [name, child] : children) {
      outcome.holds_local |= child.holds_local;
      outcome.holds_fresh |= child.holds_fresh;
      if (child.node) merge_.tree[id].directory()->children.emplace(name, *child.node);
    }
    return outcome;
  }

  /// Whether what is here comes out: as chosen for the path itself, unless that would lose what is below it.
  bool settle(const std::string& path, const Three& nodes, bool local, const Outcomes& children, std::size_t first) {
    const auto any = [&](const auto& holds) {
      return std::any_of(children.begin(), children.end(), [&](const auto& child) { return holds(child.second); });
    };
    if (is_directory(local ? nodes.here : nodes.fresh)) return local;
    EtcChange change{path, EtcChange::Kind::conflict, prefers_here_, false, {}};
    if (!local && nodes.fresh == nullptr) {
      if (!any([](const Outcome& child) { return child.node.has_value(); })) return local;
      change.kind = EtcChange::Kind::kept;
      change.local = true;
      change.reason = "removed by the image, but holds changes made here";
    } else if (!local) {
      if (!any([](const Outcome& child) { return child.holds_local; })) return local;
      change.reason = "a directory with changes here, something else in the image";
    } else {
      if (!any([](const Outcome& child) { return child.holds_fresh; })) return local;
      change.reason = std::string(fate(nodes.old, nodes.here)) + " here, a directory with changes in the image";
    }
    replace_note(first, change);
    return change.local;
  }

  Outcomes resolve_children(const std::string& path, const Ids& parents) {
    const std::array<const EtcSide*, 3> sides{&old_, &here_, &new_};
    std::set<std::string> names;
    for (std::size_t i = 0; i < sides.size(); ++i) {
      const Node* const node = node_of(*sides[i], parents[i]);
      if (!is_directory(node)) continue;
      for (const auto& [name, child] : node->directory()->children) names.emplace(name);
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

  /// The path has no directory any more; conflicts that nobody has been told of stay.
  void drop_notes_below(const std::string& path, std::size_t first, bool keeps_conflicts) {
    erase_notes(first, [&](const EtcChange& change) {
      return change.path != path && (!keeps_conflicts || change.kind != EtcChange::Kind::conflict);
    });
  }

  const EtcSide& old_;
  const EtcSide& here_;
  const EtcSide& new_;
  bool prefers_here_;
  std::map<NodeId, NodeId> taken_;  // files of the new image that came out as they are, in the merge
  EtcMerge merge_;
};

}  // namespace

EtcPolicy parse_etc_policy(std::string_view name) {
  if (name == "keep-local") return EtcPolicy::keep_local;
  if (name == "take-new") return EtcPolicy::take_new;
  if (name == "fail") return EtcPolicy::fail;
  throw Error(Fault::usage, "policy for /etc " + quoted(name) + ": expected keep-local, take-new or fail");
}

std::string_view etc_change_name(EtcChange::Kind kind) {
  if (kind == EtcChange::Kind::conflict) return "conflict";
  return kind == EtcChange::Kind::kept ? "kept" : "taken";
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
  read_directory("/proc/self/fd/" + std::to_string(etc.get()), merged, ingest, {},
                 {.hard_links = false, .one_file_system = false, .refuse_whiteouts = false});
  return std::move(merged).finish(ingest.finish());
}

}  // namespace sealroot
