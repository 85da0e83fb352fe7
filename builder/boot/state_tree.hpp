// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The first content of a new disk's state: a copy of the image's /var, which the sealed root hides behind a bind mount.
#pragma once

#include "builder/tree/tree.hpp"

namespace sealroot {

/// A tree that holds nothing but `state/os/default/var` with all that is below /var in `tree`; hard links inside /var
/// stay hard links.
Tree make_state_tree(const Tree& tree);

}  // namespace sealroot
