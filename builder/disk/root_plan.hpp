// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// What stands on the root partition, before a single block has a place: the repository as composefs-rs lays it out and
// the state directories as bootc does, in one tree.
//
//   /composefs (0700)  meta.json  objects/XX/REST  images/HEX -> ../objects/XX/REST
//                      images/refs/NAME -> ../HEX
//                      streams/ID -> ../objects/XX/REST  streams/refs/NAME -> ../ID
//   /state/deploy/HEX  etc  var -> ../../os/default/var
//   /state/os/default/var
//   /lost+found (0700)
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "builder/disk/disk.hpp"

namespace sealroot {

/// A node with the inode number it gets.
struct PlannedInode {
  NodeId node;
  std::uint32_t number;
  std::uint32_t parent;  // inode number of the directory its first name is in
  std::uint32_t links;
  std::string_view name;  // the first one; the bytes are the tree's
};

struct RootPlan {
  Algorithm algorithm;
  Tree tree{};
  std::vector<bool> sealed{};             // by NodeId: regular files that get fs-verity
  std::vector<PlannedInode> inodes{};     // by number: /, lost+found, the rest depth first, names sorted bytewise
  std::vector<std::uint32_t> inode_of{};  // by NodeId; 0: no name reaches it
};

/// Sizes of objects are taken from the store. Error{missing} names an object that isn't there.
RootPlan plan_root(const RootPartition& root, std::int64_t timestamp);

/// Absolute path of an inode's first name, for messages.
std::string path_of(const RootPlan& plan, const PlannedInode& inode);

/// Blocks the verity metadata of a sealed file of `size_bytes` takes: Merkle tree, descriptor and its length.
std::uint64_t verity_metadata_blocks(std::uint64_t size_bytes, Algorithm algorithm);

/// Stands in the first ordinary inode.
inline constexpr std::string_view lost_and_found = "lost+found";

/// lost+found has room from the start: e2fsck can't count on free blocks when it needs the directory.
std::uint64_t minimum_directory_blocks(const PlannedInode& inode);

/// Blocks of the data (contents, verity metadata, directories, long symbolic links, xattrs), extent trees included.
std::uint64_t data_blocks(const RootPlan& plan);

}  // namespace sealroot
