// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// All names of a composefs image, depth first, with what makes them a tree checked on the way.
#pragma once

#include <functional>
#include <string_view>

#include "store/erofs/reader.hpp"

namespace sealroot::erofs {

struct Found {
  std::string_view path;  // "/usr/bin"; empty for the root
  std::string_view name;  // last part of it
  const Inode& inode;
  std::uint64_t directory;  // nid of the directory the name stands in; of the root: itself
  bool again;               // an inode that was there before under another name
};

/// Calls `visit` for the root and then each name in the order of the image; "." and ".." are not names.
///   throws   Error{malformed} "'/usr/bin': reason": a directory with two names or below itself, "." or ".." that are
///            not these, an entry of another type than its inode, directories larger than the image. What `visit`
///            throws gets the path in front too.
void walk(const Reader& reader, const std::function<void(const Found&)>& visit);

}  // namespace sealroot::erofs
