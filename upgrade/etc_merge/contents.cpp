// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "upgrade/etc_merge/contents.hpp"

#include "store/core/error.hpp"
#include "store/verity/verity_hasher.hpp"

namespace sealroot {

namespace {

Bytes read_again(const Fd& here, const std::string& path, const RegularFile& file) {
  const Bytes bytes = read_all(open_beneath(here, path, O_RDONLY | O_NONBLOCK), file.size);
  const bool same = file.digest ? measure_bytes(file.digest->algorithm(), bytes) == *file.digest
                                : as_text(bytes) == file.inline_content;
  if (!same) throw Error(Fault::os, "changed since it was read; try again");
  return bytes;
}

}  // namespace

NodeContent merged_contents(const EtcMerge& merge, const Fd& here, const ObjectStore& store, NodeId first_id) {
  return [&merge, &here, of_image = contents_in(store), first_id](NodeId id, const RegularFile& file) {
    const auto local = id < first_id ? merge.local_files.end() : merge.local_files.find(id - first_id);
    return local == merge.local_files.end() ? of_image(id, file) : read_again(here, local->second, file);
  };
}

}  // namespace sealroot
