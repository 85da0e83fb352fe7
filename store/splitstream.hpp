// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Splitstreams read: what gc and fsck need to know, and the stream itself. The format is in splitstream_format.hpp.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
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

struct Splitstream {
  SplitstreamRefs refs;
  std::map<std::string, Digest> named_refs;
  std::uint64_t content_type = 0;
  std::uint64_t size_bytes = 0;  ///< of the whole stream
  ByteView chunks;               ///< compressed; part of the file that was given
};

/// All but the stream itself. Error{malformed} as read_splitstream_refs().
Splitstream read_splitstream(ByteView file, Algorithm algorithm);

/// What the stream is made of, called in its order. Pieces of inline bytes may be of any size but 0.
struct SplitstreamVisitor {
  std::function<void(ByteView)> bytes;
  std::function<void(const Digest&)> object;
};

/// Decodes the stream with bounded memory. Error{malformed} for damaged or cut chunks, and for inline bytes beyond
/// `size_bytes`.
void visit_chunks(const Splitstream& stream, const SplitstreamVisitor& visitor);

}  // namespace sealroot
