// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// One compression format, without its input and output: what DecompressStream (decompress.cpp) drives.
#pragma once

#include <memory>

#include "store/core/bytes.hpp"

namespace sealroot {

class Codec {
 public:
  virtual ~Codec() = default;
  enum class State { running, between_members };
  /// Decodes from `in` into `out`, both advanced past what was used; `out` is not empty. Ends early only with an
  /// empty `in` or at the end of a member.
  virtual State decode(ByteView& in, std::span<std::uint8_t>& out) = 0;
  /// Whether these first bytes behind a member start another one.
  virtual bool starts_member(std::uint8_t first_byte) const = 0;
};

std::unique_ptr<Codec> make_gzip_codec();
std::unique_ptr<Codec> make_zstd_codec();
std::unique_ptr<Codec> make_xz_codec();

}  // namespace sealroot
