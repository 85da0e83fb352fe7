// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/source/layer_input.hpp"

#include <array>

#include "builder/layer/read_ahead.hpp"
#include "store/core/error.hpp"

namespace sealroot {

LayerInput read_layer_input(ByteStream& source, Compression compression, std::optional<Algorithm> diff_id_algorithm,
                            const std::string& name, WhiteoutRule whiteouts, LayerBudget& budget, Ingest& ingest,
                            const BytesRead& progress, LayerStream* recorder, MergedTree* lowest) {
  TapStream tap(source, [&](ByteView piece) {
    if (progress) progress(piece.size());
  });
  const std::unique_ptr<ByteStream> plain = decompress(tap, compression);
  ReadAhead ahead(*plain, diff_id_algorithm);
  LayerInput input{read_layer(ahead, name, whiteouts, budget, ingest, recorder, nullptr, lowest), {}};
  if (diff_id_algorithm) input.diff_id = ahead.digest();
  return input;
}

}  // namespace sealroot
