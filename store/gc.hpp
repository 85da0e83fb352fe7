// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Removes what nothing refers to. Marks first, from every ref; as long as one of them can't be read, all may still be
// needed, and nothing is removed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "store/core/digest.hpp"
#include "store/repository.hpp"

namespace sealroot {

struct GcOptions {
  std::vector<std::string> roots;  ///< more names in `images` or `streams` to keep
  std::vector<Digest> keep;        ///< more objects to keep; of images and splitstreams also what they refer to
  bool dry_run = false;
};

struct GcReport {
  std::uint64_t root_count = 0;
  std::uint64_t kept_objects = 0;
  std::uint64_t removed_objects = 0;
  std::uint64_t removed_bytes = 0;
  std::vector<std::string> removed_names;  ///< `images/HEX`, `streams/ID` of objects that go, below the repository
  std::vector<std::string> leftovers;      ///< temporary files, removed too
};

/// Roots are images/refs, streams/refs and those of `options`; `images/HEX` alone is none. With dry_run the report
/// says what would be done.
///   throws   Error{busy}: somebody else has the repository open; Error "gc: root unreadable, nothing deleted: ...":
///            a ref that leads nowhere, an image or splitstream that is damaged; Error{os}: a read-only repository
///   ensures  whenever it is interrupted, no name and no ref leads to a missing object
GcReport collect_garbage(const Repository& repository, const GcOptions& options);

}  // namespace sealroot
