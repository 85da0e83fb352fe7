// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The merged file system in memory: what the layers of a container image, a tar or a directory add up to, and what
// the image planner reads. Nodes live in one table and are named by index, so a hard link is simply a second name
// for the same NodeId.
//
//   Tree::nodes   [0]=/   [1]=usr   [2]=...      directory children: name -> NodeId, sorted bytewise
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "builder/tree/children.hpp"
#include "builder/tree/content_digest.hpp"
#include "builder/tree/text.hpp"
#include "builder/tree/xattrs.hpp"
#include "store/core/spill_table.hpp"

namespace sealroot {

inline constexpr NodeId root_node = 0;

struct Metadata {
  std::uint32_t permissions = 0755;  // the low 12 bits of st_mode
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint32_t mtime_nanoseconds = 0;
  std::int64_t mtime_seconds = 0;
  Xattrs xattrs;
};

struct Directory {
  Children children;
};

/// Contents of up to this many bytes stand in the image itself and never become objects (composefs'
/// LCFS_BUILD_INLINE_FILE_SIZE).
inline constexpr std::uint64_t max_inline_size = 64;

struct RegularFile {
  std::uint64_t size = 0;
  Text inline_content;           // whole content where it is inline, else empty
  ContentDigest digest;          // of the object that holds the content
  Text payload;                  // dumpfile payload, without a leading '/'; empty: object_path(*digest)
  bool without_payload = false;  // a dumpfile may name a digest but no payload: the image gets no redirect
};

struct Symlink {
  Text target;
};

struct DeviceNode {
  bool block = false;
  std::uint32_t rdev = 0;  // as the kernel's new_encode_dev packs it
};

struct Fifo {};
struct Socket {};

struct Node {
  Metadata metadata;
  std::variant<Directory, RegularFile, Symlink, DeviceNode, Fifo, Socket> content;
  std::optional<std::uint32_t> nlink{};  // where a dumpfile gives another number than the node has names

  Directory* directory() { return std::get_if<Directory>(&content); }
  const Directory* directory() const { return std::get_if<Directory>(&content); }
  RegularFile* regular() { return std::get_if<RegularFile>(&content); }
  const RegularFile* regular() const { return std::get_if<RegularFile>(&content); }
  const Symlink* symlink() const { return std::get_if<Symlink>(&content); }
};

/// One of the names of a node with hard links.
struct Name {
  NodeId directory = root_node;
  std::string name;
};

/// Nodes that no name reaches any more (a later layer replaced them) stay in the table; walk from root_node.
struct Tree {
  SpillTable<Node> nodes = SpillTable<Node>(1);
  /// The name that an inode is numbered at, where that is not the first one depth first. Only dumpfiles say so.
  std::map<NodeId, Name> primary_names{};

  Node& operator[](NodeId id) { return nodes[id]; }
  const Node& operator[](NodeId id) const { return nodes[id]; }
  NodeId add(Node node) {
    nodes.push_back(std::move(node));
    return static_cast<NodeId>(nodes.size() - 1);
  }
};

/// The node at an absolute or relative slash-separated path, looked up name by name without following symbolic
/// links; nullopt if there is none.
std::optional<NodeId> find(const Tree& tree, std::string_view path);

}  // namespace sealroot
