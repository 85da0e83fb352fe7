// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Digests of many small contents at once. Most files of a system fit into one block, where hashing them one by one
// would leave all vector lanes but one idle.
#pragma once

#include <span>
#include <vector>

#include "store/core/digest.hpp"

namespace sealroot {

/// Contents up to this size have at most one block of hashes, with either algorithm.
inline constexpr std::size_t small_content_limit = verity_block_size / max_digest_size * verity_block_size;

/// A content of at most small_content_limit bytes, followed by zeros up to the next multiple of verity_block_size.
struct PaddedContent {
  const std::uint8_t* data = nullptr;
  std::size_t size_bytes = 0;
};

/// The fs-verity digest of each content, in their order.
std::vector<Digest> measure_batch(Algorithm algorithm, std::span<const PaddedContent> contents);

}  // namespace sealroot
