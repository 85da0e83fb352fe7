// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Files that are gone with the program.
#pragma once

#include "store/core/fd.hpp"

namespace sealroot {

/// For reading and writing, in $TMPDIR, else /var/tmp. Throws Error{os}, which names the folder.
Fd open_unnamed_file();

}  // namespace sealroot
