// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/layer/layer_stream.hpp"

#include <cassert>

#include "store/splitstream_format.hpp"

namespace sealroot {

Bytes LayerStream::finish(Algorithm algorithm, const SpillTable<Digest>& digests) && {
  assert(recorded() && contents_.size() == body_.object_count());
  std::vector<Digest> objects;
  objects.reserve(contents_.size());
  for (const ContentId id : contents_) objects.push_back(digests[id]);
  return make_splitstream(algorithm, splitstream::layer_type, {}, objects, std::move(body_));
}

}  // namespace sealroot
