// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Layers added up to one tree, by the OCI image specification ("Image Layer Filesystem Changeset") and formats.md
// section 6. A layer is applied as a whole: first its whiteouts, on what the layers below have left, then its entries
// in archive order. So whiteouts hide lower layers only, wherever they stand in the layer.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "builder/tree/tree.hpp"
#include "store/ingest.hpp"

namespace sealroot {

/// A second name for what stands at `target`, a normalised path.
struct HardLink {
  Text target;
};

struct LayerEntry {
  Text path;                 // normalised; empty: the root directory
  std::uint64_t offset = 0;  // where the archive has it, for messages
  std::variant<Node, HardLink> what;
  std::optional<ContentId> content;  // of a file whose bytes went to Ingest
};

/// Hides `name` in `directory` of the layers below, or all names of `directory` (`name` empty: opaque).
struct Whiteout {
  std::string directory;
  std::string name;
  std::uint64_t offset = 0;
};

struct Layer {
  std::string name;                                            // for messages
  std::deque<LayerEntry, SpillAllocator<LayerEntry>> entries;  // freed one by one while the tree takes them in
  std::vector<Whiteout> whiteouts;
};

class MergedTree {
 public:
  /// The next entry of the lowest layer, which need not be held whole: nothing is below it that could be hidden. What
  /// is left of it (its whiteouts) goes to apply() at its end. Error{malformed} as of apply(), but names nothing.
  void add(LayerEntry& entry);

  /// Error{malformed} names layer and entry: parent missing or not a directory, hard link to nothing, to a directory
  /// or to itself, root not a directory.
  void apply(Layer layer);

  /// The tree, with the digests that Ingest::finish() gave.
  Tree finish(SpillTable<Digest> digests) &&;

 private:
  void hide(const Whiteout& whiteout);
  NodeId parent_of(std::string_view path) const;

  Tree tree_;
  bool is_lowest_ = true;  // the layer that comes next, or is coming
  SpillTable<std::pair<NodeId, ContentId>> contents_;
};

}  // namespace sealroot
