// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Independent jobs on all processors.
#pragma once

#include <functional>

#include "store/core/bytes.hpp"
#include "store/core/fd.hpp"

namespace sealroot {

/// Calls `job` for each index below `count`, on several threads, with a buffer of 1 MiB that belongs to the thread.
/// Slot i of what a job writes belongs to index i, so that a report does not depend on the order of the work.
///   threads  0: as many as there are CPUs
///   job      must not throw
void for_each_index(std::size_t count, unsigned threads, const std::function<void(std::size_t, Bytes& buffer)>& job);

}  // namespace sealroot
