// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Which owner of a file in an image is shown as which one on this host: what `--map-users` says.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "store/core/fd.hpp"

namespace sealroot {

/// Ids container .. container + size - 1 of the image are host .. host + size - 1 of this host.
struct IdRange {
  std::uint32_t container = 0;
  std::uint32_t host = 0;
  std::uint32_t size = 0;

  friend bool operator==(const IdRange&, const IdRange&) = default;
};

/// `CONTAINER:HOST:SIZE`, decimal; Error{usage} for anything else, for an empty range and one beyond 2^32 - 2.
IdRange parse_id_range(const std::string& text);

/// Error{usage} if two ranges share an id on either side.
void check_id_ranges(const std::vector<IdRange>& ranges);

/// A user namespace that maps users and groups so; it lives as long as somebody has it open.
Fd make_user_namespace(const std::vector<IdRange>& ranges);

}  // namespace sealroot
