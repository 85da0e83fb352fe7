// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Layers written as tars and merged, and trees as lists of their paths.
#pragma once

#include <string>
#include <vector>

#include "builder/layer/read_ahead.hpp"
#include "builder/layer/read_layer.hpp"
#include "builder/tree/apply.hpp"
#include "tests/memory_stream.hpp"
#include "tests/tar_writer.hpp"

namespace sealroot {

inline Tree merged(const std::vector<std::string>& archives) {
  Ingest ingest(nullptr, Algorithm::sha256, 1);
  LayerBudget budget;
  MergedTree tree;
  for (const std::string& archive : archives) {
    MemoryStream bytes(archive);
    ReadAhead stream(bytes);
    tree.apply(read_layer(stream, "layer", WhiteoutRule::apply, budget, ingest));
  }
  return std::move(tree).finish(ingest.finish());
}

/// `a/ a/b=content a/l->target`, in byte order.
inline void list_into(const Tree& tree, NodeId id, const std::string& path, std::string& out) {
  for (const auto& [name, child] : tree[id].directory()->children) {
    out += (out.empty() ? "" : " ") + path + name;
    const Node& node = tree[child];
    if (node.directory() != nullptr) {
      out += "/";
      list_into(tree, child, path + name + "/", out);
    } else if (node.regular() != nullptr) {
      out += "=" + node.regular()->inline_content;
    } else if (node.symlink() != nullptr) {
      out += "->" + node.symlink()->target;
    }
  }
}

inline std::string listed(const Tree& tree) {
  std::string out;
  list_into(tree, root_node, "", out);
  return out;
}

}  // namespace sealroot
