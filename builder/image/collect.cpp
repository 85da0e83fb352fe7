// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Tree -> inodes in the order of the image. What overlayfs needs is added here: redirects into the object store,
// escapes for what the tree itself says to overlayfs, the 256 stubs that hide the object folders of a C store.
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <limits>
#include <string>

#include "builder/image/overlay_xattrs.hpp"
#include "builder/image/own_objects.hpp"
#include "builder/image/plan.hpp"
#include "store/core/hex.hpp"

namespace sealroot::image {
namespace {

constexpr std::uint32_t unnumbered = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint32_t stub_count = 256;
constexpr std::uint16_t stub_mode = S_IFCHR | 0644;

/// `00` .. `ff`, the folders of objects in a C store.
constexpr auto stub_names = [] {
  std::array<std::array<char, 2>, stub_count> names{};
  for (unsigned i = 0; i < stub_count; ++i) names[i] = {hex_digit(i >> 4), hex_digit(i)};
  return names;
}();

std::uint16_t type_bits(const Node& node) {
  if (const DeviceNode* device = std::get_if<DeviceNode>(&node.content)) return device->block ? S_IFBLK : S_IFCHR;
  constexpr std::array<std::uint16_t, 6> bits{S_IFDIR, S_IFREG, S_IFLNK, 0, S_IFIFO, S_IFSOCK};
  return bits[node.content.index()];
}

class Collector {
 public:
  Collector(const Tree& tree, const Survey& survey, ImageFormat format)
      : tree_(tree),
        survey_(survey),
        own_objects_(find_own_objects(tree, survey)),
        plan_(tree, format),
        first_stub_(static_cast<NodeId>(tree.nodes.size())) {
    plan_.dirents.reserve(survey.all_names + 2 * survey.directory_count + stub_count);
    plan_.inode_of = SpillTable<std::uint32_t>(tree.nodes.size() + stub_count, unnumbered);
  }

  /// V0 and V1: breadth first, with the escapes of overlayfs.
  Plan run_breadth_first() {
    number(root_node);
    for (std::size_t next = 0; next < plan_.inodes.size(); ++next) {
      PlannedInode inode = plan_.inodes[next];  // a copy: its children are numbered meanwhile
      inode.node >= first_stub_ ? fill_stub(inode) : fill(inode);
      plan_.inodes[next] = inode;
    }
    plan_.composefs_version = plan_.format == ImageFormat::v1 ? 1 : 0;
    find_build_time();
    return std::move(plan_);
  }

  /// V2: depth first, the tree as it is, whole seconds only.
  Plan run_depth_first() {
    for (const NodeId node : survey_.depth_first) number(node);
    for (PlannedInode& inode : plan_.inodes) fill_v2(inode);
    plan_.composefs_version = 2;
    return std::move(plan_);
  }

 private:
  void number(NodeId node) {
    plan_.inode_of[node] = static_cast<std::uint32_t>(plan_.inodes.size());
    plan_.inodes.push_back({.node = node});
  }

  void fill(PlannedInode& inode) {
    const NodeId id = inode.node;
    const Node& node = tree_[id];
    inode.mode = static_cast<std::uint16_t>(type_bits(node) | node.metadata.permissions);
    inode.nlink = node.nlink.value_or(survey_.name_count[id]);
    xattrs_.start();
    xattrs_.add(node.metadata.xattrs);
    if (const Directory* directory = node.directory()) {
      if (add_dirents(inode, *directory)) xattrs_.set_has_whiteouts(plan_.format == ImageFormat::v1);
      if (id == root_node) xattrs_.set_root();
    } else if (is_whiteout(node)) {
      inode.mode = static_cast<std::uint16_t>(S_IFREG | node.metadata.permissions);
      xattrs_.set_whiteout();
    } else {
      fill_content(inode, node);
    }
    finish(inode, xattrs_.sorted());
  }

  void fill_v2(PlannedInode& inode) {
    const Node& node = tree_[inode.node];
    inode.mode = static_cast<std::uint16_t>(type_bits(node) | node.metadata.permissions);
    inode.nlink = survey_.name_count[inode.node];
    xattrs_.start();
    if (const Directory* directory = node.directory()) {
      add_dirents(inode, *directory);
    } else {
      fill_content(inode, node);
    }
    xattrs_.add(node.metadata.xattrs);
    finish(inode, xattrs_.as_added());
  }

  void fill_content(PlannedInode& inode, const Node& node) {
    if (node.symlink() != nullptr) {
      inode.data = Data::bytes;
    } else if (const RegularFile* file = node.regular(); file != nullptr && file->size > 0) {
      inode.data = file->inline_content.empty() ? Data::chunks : Data::bytes;
      if (inode.data != Data::chunks) return;
      inode.own_object = own_objects_[inode.node];
      if (!inode.own_object) xattrs_.set_object(*file);
    }
  }

  void fill_stub(PlannedInode& inode) {
    inode.mode = stub_mode;
    xattrs_.start_stub(tree_[root_node].metadata.xattrs);
    finish(inode, xattrs_.sorted());
  }

  void finish(PlannedInode& inode, std::span<const OverlayXattrs::Pair> xattrs) {
    inode.first_xattr = static_cast<std::uint32_t>(plan_.xattr_ids.size());
    for (const auto& [key, value, text] : xattrs) {
      plan_.xattr_ids.push_back(plan_.xattrs.add(key, value, text));
      if (key == "system.posix_acl_access" || key == "system.posix_acl_default") plan_.has_acl = true;
    }
    inode.xattr_count = static_cast<std::uint16_t>(plan_.xattr_ids.size() - inode.first_xattr);
  }

  // "." and ".." stand where bytewise order puts them, after "!" and "-"; so do the stubs in the root. Children that
  // have no number yet and have their primary name here get one; true if one of those is a whiteout.
  bool add_dirents(PlannedInode& inode, const Directory& directory) {
    inode.data = Data::directory;
    inode.first_dirent = static_cast<std::uint32_t>(plan_.dirents.size());
    std::uint32_t directory_count = 2;
    bool has_whiteout = false;
    auto extra = Extras(*this, inode.node);
    for (const auto& [name, child] : directory.children) {
      extra.add_before(name);
      plan_.dirents.emplace_back(name, child);
      if (tree_[child].directory() != nullptr) ++directory_count;
      if (plan_.inode_of[child] != unnumbered || !is_primary(tree_, survey_, child, inode.node, name)) continue;
      number(child);
      has_whiteout = has_whiteout || is_whiteout(tree_[child]);
    }
    extra.add_rest();
    inode.nlink = directory_count;
    inode.dirent_count = static_cast<std::uint32_t>(plan_.dirents.size()) - inode.first_dirent;
    return has_whiteout;
  }

  /// The names of a directory that the tree does not have, in order.
  class Extras {
   public:
    Extras(Collector& collector, NodeId directory) : collector_(collector), directory_(directory) {
      count_ = directory == root_node && collector.plan_.format != ImageFormat::v2 ? 2 + stub_count : 2;
    }

    /// Adds all that sort before `name`, and passes over `name` itself.
    void add_before(std::string_view name) {
      while (next_ < count_ && text() < name) add();
      if (next_ < count_ && text() == name) ++next_;
    }
    void add_rest() {
      while (next_ < count_) add();
    }

   private:
    std::string_view text() const {
      if (next_ < 2) return std::string_view("..").substr(0, next_ + 1);
      return {stub_names[next_ - 2].data(), 2};
    }
    void add() {
      NodeId node = next_ == 0 ? directory_ : collector_.survey_.home[directory_];
      if (next_ >= 2) {
        node = collector_.first_stub_ + next_ - 2;
        collector_.number(node);
      }
      collector_.plan_.dirents.emplace_back(text(), node);
      ++next_;
    }

    Collector& collector_;
    NodeId directory_;
    std::uint32_t next_ = 0;
    std::uint32_t count_;
  };

  void find_build_time() {
    const auto time = [this](const PlannedInode& inode) {
      const Metadata& metadata = plan_.metadata_of(inode);
      return std::pair(metadata.mtime_seconds, metadata.mtime_nanoseconds);
    };
    std::pair<std::int64_t, std::uint32_t> least = time(plan_.inodes[0]);
    for (const PlannedInode& inode : plan_.inodes) least = std::min(least, time(inode));
    plan_.build_time_seconds = least.first;
    plan_.build_time_nanoseconds = least.second;
  }

  const Tree& tree_;
  const Survey& survey_;
  std::vector<bool> own_objects_;
  Plan plan_;
  NodeId first_stub_;
  OverlayXattrs xattrs_{plan_.xattrs};
};

}  // namespace

Plan collect(const Tree& tree, const Survey& survey, ImageFormat format) {
  Collector collector(tree, survey, format);
  return format == ImageFormat::v2 ? collector.run_depth_first() : collector.run_breadth_first();
}

}  // namespace sealroot::image
