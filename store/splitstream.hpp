// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Splitstreams of composefs-rs: a byte stream (the tar of a layer, a manifest, a config) whose larger parts are
// objects. Read here is what gc and fsck need, the objects and other streams one refers to.
//
//   0   header  "SplitStream", version 0, flags, algorithm, log2 of the block size, range of info
//       info    ranges of the sections: stream refs, object refs, the stream itself, named refs; content type, size
#pragma once

#include <cstdint>
#include <vector>

#include "store/core/bytes.hpp"
#include "store/core/digest.hpp"

namespace sealroot {

struct SplitstreamRefs {
  std::vector<Digest> streams;  ///< objects that are splitstreams or images themselves
  std::vector<Digest> objects;  ///< contents
};

/// Error{malformed} unless all ranges lie in the file and hold what they should. Header fields in the order that
/// bootc up to 1.15 wrote them are read as well.
SplitstreamRefs read_splitstream_refs(ByteView file, Algorithm algorithm);

}  // namespace sealroot
