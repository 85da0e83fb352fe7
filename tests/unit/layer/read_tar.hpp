// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// A tar at hand read into a Layer, without a store.
#pragma once

#include <string>

#include "builder/layer/read_ahead.hpp"
#include "builder/layer/read_layer.hpp"
#include "tests/memory_stream.hpp"

namespace sealroot {

inline Layer read_tar(const std::string& archive, WhiteoutRule rule = WhiteoutRule::apply) {
  MemoryStream bytes(archive, 1000);
  ReadAhead stream(bytes);
  LayerBudget budget;
  Ingest ingest(nullptr, Algorithm::sha256, 1);
  Layer layer = read_layer(stream, "layer", rule, budget, ingest);
  ingest.finish();
  return layer;
}

inline const Node& node_of(const Layer& layer, std::size_t number = 0) {
  return std::get<Node>(layer.entries.at(number).what);
}

}  // namespace sealroot
