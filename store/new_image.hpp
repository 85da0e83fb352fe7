// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// An image on its way into a repository, piece by piece: nobody has to hold all of it.
#pragma once

#include <functional>

#include "store/repository.hpp"

namespace sealroot {

/// Makes a content and hands it to `output` from its first byte to its last.
using ContentWriter = std::function<void(const std::function<void(ByteView)>& output)>;

/// As Repository::add_image(), of what `write` makes; it is called once.
Digest add_image(const Repository& repository, const ContentWriter& write);

}  // namespace sealroot
