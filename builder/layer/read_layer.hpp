// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// One tar read into a Layer: names checked, whiteouts told from entries, contents handed to the object store on the
// way through.
#pragma once

#include <cstdint>
#include <string>

#include "builder/layer/known_layer.hpp"
#include "builder/layer/limits.hpp"
#include "builder/layer/tar_reader.hpp"
#include "builder/tree/apply.hpp"
#include "store/ingest.hpp"

namespace sealroot {

/// Whether names that start with `.wh.` are whiteouts (a layer of a container image) or an error (a plain archive of
/// a root file system, where hiding has no meaning).
enum class WhiteoutRule { apply, refuse };

/// What all layers of one source together may still hold; see limits.hpp.
struct LayerBudget {
  explicit LayerBudget(std::uint64_t entry_limit = max_entry_count);
  std::uint64_t max_entries;  // at the start, for messages
  std::uint64_t entries;
  std::uint64_t metadata_bytes;  // names, link targets and xattrs
  std::uint64_t content_bytes;
  std::uint64_t hole_bytes;
};

/// Reads the archive to its end. `name` is for messages. Unless it is null, `recorder` gets all of it; `known`, unless
/// that is null, is what `stream` reads. Entries go to `lowest` at once, and not into the result, unless that is null:
/// the tree of which this is the lowest layer.
/// Error{malformed} names entry, offset and reason.
Layer read_layer(ChunkSource& stream, const std::string& name, WhiteoutRule whiteouts, LayerBudget& budget,
                 Ingest& ingest, LayerStream* recorder = nullptr, const KnownLayer* known = nullptr,
                 MergedTree* lowest = nullptr);

}  // namespace sealroot
