// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// File contents on their way from the object store to their blocks: each byte is read once, written once and hashed in
// between, by several threads. Where everything goes is fixed before, so their number changes nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "builder/disk/ext4_format.hpp"
#include "builder/tree/tree.hpp"
#include "store/core/fd.hpp"
#include "store/object_store.hpp"

namespace sealroot {

struct Content {
  const RegularFile* file;  // its size was read when the blocks were allocated
  bool sealed;              // also write the Merkle tree and the descriptor
  std::vector<ext4::Run> runs;
};

/// Writes all contents to `disk`, block 0 of whose file system stands at `offset_bytes`.
///   threads   0: as many as there are CPUs
///   progress  called with the bytes written so far, by one thread at a time
///   throws    Error{untrusted} names the first object, in order, whose bytes do not give its digest; Error{os}
void write_contents(const std::vector<Content>& contents, const ObjectStore& store, const Fd& disk,
                    std::uint64_t offset_bytes, unsigned threads,
                    const std::function<void(std::uint64_t done_bytes)>& progress);

}  // namespace sealroot
