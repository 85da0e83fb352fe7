// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Trees of all that a tree can hold, with the sizes that matter to the layout overrepresented. Equal seeds give equal
// trees on every machine.
#pragma once

#include <cstdint>

#include "builder/tree/tree.hpp"

namespace sealroot {

/// `names`: how many names the tree gets beside the root. `algorithm`: of the digests of external files.
Tree random_tree(std::uint64_t seed, unsigned names, Algorithm algorithm);

}  // namespace sealroot
