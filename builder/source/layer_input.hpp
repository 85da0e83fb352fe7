// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// One compressed tar on its way in: checked blob -> decompressor -> read-ahead with diff ID -> Layer.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "builder/layer/blob_digest.hpp"
#include "builder/layer/byte_stream.hpp"
#include "builder/layer/decompress.hpp"
#include "builder/layer/read_layer.hpp"

namespace sealroot {

struct LayerInput {
  Layer layer;
  std::optional<BlobDigest> diff_id;  // of the uncompressed bytes
};

/// Called with the number of compressed bytes that have been read in addition.
using BytesRead = std::function<void(std::uint64_t)>;

/// Reads `source` to its end; `recorder` and `lowest` as for read_layer(). Without `diff_id_algorithm` no diff ID is
/// computed.
LayerInput read_layer_input(ByteStream& source, Compression compression, std::optional<Algorithm> diff_id_algorithm,
                            const std::string& name, WhiteoutRule whiteouts, LayerBudget& budget, Ingest& ingest,
                            const BytesRead& progress, LayerStream* recorder = nullptr, MergedTree* lowest = nullptr);

}  // namespace sealroot
