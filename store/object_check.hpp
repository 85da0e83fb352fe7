// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Whether objects are what their names say: measured by the kernel where they are sealed, else by reading them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "store/object_store.hpp"

namespace sealroot {

struct ObjectCheck {
  Digest digest;
  std::string reason{};  ///< empty: intact
  std::uint64_t size_bytes = 0;
  bool sealed = false;
};

/// Checks each of `objects`, whose `digest` is set, and fills in the rest. Slot i belongs to object i, so that the
/// answer does not depend on the order of the work.
///   unsealed_reason  what is wrong with an object that is not sealed; null: nothing
///   threads          0: as many as there are CPUs
void check_objects(const ObjectStore& store, const char* unsealed_reason, std::vector<ObjectCheck>& objects,
                   unsigned threads);

}  // namespace sealroot
