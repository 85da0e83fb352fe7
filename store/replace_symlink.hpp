// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The symbolic links of a repository, which name images, streams and refs.
#pragma once

#include <string>

#include "store/core/fd.hpp"

namespace sealroot {

/// Makes `name` in `directory` a symbolic link to `target`, in one step, whatever was there before. Error{os}.
void replace_symlink(const Fd& directory, const std::string& target, const std::string& name);

}  // namespace sealroot
