// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// A directory of this host as mkcomposefs reads it: SHA-256, as it is, mount points included, each hard link as a file
// of its own.
#pragma once

#include <string>

#include "builder/tree/tree.hpp"

namespace sealroot {

struct DirectoryTreeOptions {
  std::string objects;  // directory that objects XX/REST are added to; empty: digests only
  bool devices = true;
  bool xattrs = true;
  bool only_user_xattrs = false;
  bool epoch = false;    // all times 0
  unsigned threads = 0;  // 0: one a CPU
};

/// The tree below `path`; objects are durable when this returns.
///   throws   Error naming the file that can't be read, or Error{malformed}: no xattrs and only some of them
Tree read_directory_tree(const std::string& path, const DirectoryTreeOptions& options);

}  // namespace sealroot
