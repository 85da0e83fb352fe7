// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Compressed streams and what they hold. Several members or frames one after the other count as one stream; behind
// the last one only zeros may follow.
#pragma once

#include <memory>
#include <string_view>

#include "builder/layer/byte_stream.hpp"

namespace sealroot {

enum class Compression { none, gzip, zstd, xz };

std::string_view compression_name(Compression compression);

/// What the first bytes of a file look like; `none` if they are none of the known magic numbers.
Compression detect_compression(ByteView start);

/// The uncompressed bytes of `source`, which must outlive the result.
///   throws   from read(): Error{malformed} for a damaged or cut stream, for one that expands beyond the limits of
///            limits.hpp, and for bytes behind its end
std::unique_ptr<ByteStream> decompress(ByteStream& source, Compression compression);

}  // namespace sealroot
