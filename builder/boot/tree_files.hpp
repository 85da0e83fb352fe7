// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Reading files out of a tree by path, the way a program inside the system would: symbolic links are followed, but
// only ever inside the tree.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "builder/tree/tree.hpp"
#include "store/object_store.hpp"

namespace sealroot {

class TreeFiles {
 public:
  /// Both must outlive this object.
  TreeFiles(const Tree& tree, const ObjectStore& store) : tree_(tree), store_(store) {}

  /// The node that `path` means after following symbolic links (at most 40); nullopt if there is none.
  std::optional<NodeId> try_resolve(std::string_view path) const;

  /// Whole content of the regular file at `path`; nullopt if there is none.
  ///   throws   Error{untrusted}: the object in the store does not give the digest in the tree
  ///            Error{malformed}: larger than `limit_bytes`
  std::optional<Bytes> try_read(std::string_view path, std::uint64_t limit_bytes = default_limit) const;

  /// Names in the directory at `path`, sorted; empty if there is none.
  std::vector<std::string> list(std::string_view path) const;

  /// Nothing that boots is larger than this.
  static constexpr std::uint64_t default_limit = 512U << 20;

 private:
  const Tree& tree_;
  const ObjectStore& store_;
};

}  // namespace sealroot
