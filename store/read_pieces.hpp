// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Files of any size, read with the memory of one buffer.
#pragma once

#include <functional>
#include <span>

#include "store/core/fd.hpp"

namespace sealroot {

/// Calls `take` with the rest of the file, piece by piece, none of them empty. `buffer` is not empty. Error{os}.
void read_pieces(const Fd& file, Bytes& buffer, const std::function<void(ByteView)>& take);

/// Fills `out` from `offset` on, whatever the file position is; returns how many bytes there were. Error{os}.
std::size_t read_at(const Fd& file, std::span<std::uint8_t> out, std::uint64_t offset);

}  // namespace sealroot
