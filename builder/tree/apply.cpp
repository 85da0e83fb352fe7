// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/tree/apply.hpp"

#include <limits>
#include <memory>
#include <utility>

#include "builder/tree/during_entry.hpp"
#include "store/core/error.hpp"

namespace sealroot {

namespace {

Error bad(const std::string& reason) { return {Fault::malformed, reason}; }

}  // namespace

void MergedTree::apply(Layer layer) {
  during(layer.name, [&] {
    if (!std::exchange(is_lowest_, false)) {
      for (const Whiteout& whiteout : layer.whiteouts) hide(whiteout);
    }
    for (; !layer.entries.empty(); layer.entries.pop_front()) {
      LayerEntry& entry = layer.entries.front();
      during_entry(entry.path, entry.offset, [&] { add(entry); });
    }
    // The directory of a whiteout may come with its own layer, so this is known only now.
    for (const Whiteout& whiteout : layer.whiteouts) {
      const auto directory = find(tree_, whiteout.directory);
      if (!directory || tree_[*directory].directory() == nullptr) {
        throw bad("whiteout at offset " + std::to_string(whiteout.offset) + ": " + quoted(whiteout.directory) +
                  " is not a directory of the image");
      }
    }
  });
}

void MergedTree::hide(const Whiteout& whiteout) {
  const auto id = find(tree_, whiteout.directory);
  Directory* const directory = id ? tree_[*id].directory() : nullptr;
  if (directory == nullptr) return;  // new in this layer: nothing below to hide
  if (whiteout.name.empty()) {
    directory->children.clear();
  } else {
    directory->children.erase(whiteout.name);
  }
}

/// The directory that holds `path`, which must be there: what a directory made on the fly should look like is not
/// said anywhere, and composefs-rs refuses it too.
NodeId MergedTree::parent_of(std::string_view path) const {
  const std::size_t slash = path.rfind('/');
  const std::string_view parent = slash == std::string_view::npos ? std::string_view{} : path.substr(0, slash);
  const auto id = find(tree_, parent);
  if (!id) throw bad("no entry for its parent directory " + quoted(parent) + "; add one to the layer");
  if (tree_[*id].directory() == nullptr) throw bad("its parent " + quoted(parent) + " is not a directory");
  return *id;
}

void MergedTree::add(LayerEntry& entry) {
  if (entry.path.empty()) {
    Node* const node = std::get_if<Node>(&entry.what);
    if (node == nullptr || node->directory() == nullptr) throw bad("the root must be a directory");
    tree_[root_node].metadata = std::move(node->metadata);
    return;
  }
  const NodeId parent = parent_of(entry.path);
  const std::string_view path = entry.path;
  const std::string_view name = path.substr(path.rfind('/') + 1);
  NodeId id = 0;
  if (const HardLink* const link = std::get_if<HardLink>(&entry.what)) {
    if (link->target == entry.path) throw bad("hard link to itself");
    const auto target = find(tree_, link->target);
    if (!target) throw bad("hard link to " + quoted(link->target) + ", which does not exist");
    if (tree_[*target].directory() != nullptr) throw bad("hard link to the directory " + quoted(link->target));
    id = *target;
  } else {
    Node& node = std::get<Node>(entry.what);
    const auto place = tree_[parent].directory()->children.find(name);
    const bool both_directories = node.directory() != nullptr && place != tree_[parent].directory()->children.end() &&
                                  tree_[place->second].directory() != nullptr;
    if (both_directories) {
      tree_[place->second].metadata = std::move(node.metadata);
      return;
    }
    if (tree_.nodes.size() == std::numeric_limits<NodeId>::max()) throw bad("too many entries");
    id = tree_.add(std::move(node));
    if (entry.content) contents_.emplace_back(id, *entry.content);
  }
  tree_[parent].directory()->children.insert_or_assign(name, id);
}

Tree MergedTree::finish(SpillTable<Digest> digests) && {
  const auto shared = std::make_shared<const SpillTable<Digest>>(std::move(digests));
  for (const auto& [node, content] : contents_) tree_[node].regular()->digest = ContentDigest(shared, content);
  return std::move(tree_);
}

}  // namespace sealroot
