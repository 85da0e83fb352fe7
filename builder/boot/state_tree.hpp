// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The first content of a new disk's state: copies of what the sealed root hides behind bind mounts, and the directories
// that take the changes of /etc.
#pragma once

#include <string>

#include "builder/tree/tree.hpp"

namespace sealroot {

/// A tree that holds nothing but
///   state/os/default/var            with all that is below /var in `tree`; hard links inside /var stay hard links
///   state/deploy/IMAGE/etc          likewise of /etc, where that is bound; else
///   state/deploy/IMAGE/etc/upper    empty, with the label that /etc then shows, and `work` beside it
/// `etc`: what the pivot does with it, see sealed_config.hpp.
Tree make_state_tree(const Tree& tree, const Digest& image, const std::string& etc);

}  // namespace sealroot
