// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "upgrade/etc_merge/write_etc.hpp"

#include "store/core/error.hpp"
#include "store/verity/verity_hasher.hpp"
#include "upgrade/stage/write_tree.hpp"

namespace sealroot {

namespace {

/// The bytes that were looked at when the merge was made, or an Error.
Bytes read_again(const Fd& here, const std::string& path, const RegularFile& file) {
  const Bytes bytes = read_all(open_beneath(here, path, O_RDONLY | O_NONBLOCK), file.size);
  const bool same = file.digest ? measure_bytes(file.digest->algorithm(), bytes) == *file.digest
                                : as_text(bytes) == file.inline_content;
  if (!same) throw Error(Fault::os, "changed since it was read; try again");
  return bytes;
}

}  // namespace

void write_etc(const Fd& target, const EtcMerge& merge, const Fd& here, const ObjectStore& store) {
  const NodeContent of_image = contents_in(store);
  const auto content = [&](NodeId id, const RegularFile& file) {
    const auto local = merge.local_files.find(id);
    return local == merge.local_files.end() ? of_image(id, file) : read_again(here, local->second, file);
  };
  during("merged /etc", [&] { write_tree(target, merge.tree, root_node, content); });
}

}  // namespace sealroot
