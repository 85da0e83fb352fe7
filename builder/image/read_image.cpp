// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/image/read_image.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <limits>

#include "builder/image/read_xattrs.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/erofs/walk.hpp"

namespace sealroot {
namespace {

constexpr NodeId no_node = std::numeric_limits<NodeId>::max();

Error bad(const std::string& reason) { return {Fault::malformed, reason}; }

bool is_object_folder(std::string_view name) {
  const auto is_hex = [](char digit) { return hex_value(digit) >= 0; };
  return name.size() == 2 && is_hex(name[0]) && is_hex(name[1]);
}

class TreeReader {
 public:
  explicit TreeReader(ByteView image) : reader_(image), node_of_(reader_.nid_limit(), no_node) {
    tree_.nodes.clear();
    contents_left_ = image.size();
    // A few bytes refer to a shared xattr of 64 KiB; real images stay far below this.
    xattrs_left_ = 64 * std::uint64_t{image.size()} + (std::uint64_t{1} << 24);
  }

  ReadImage run() {
    erofs::walk(reader_, [&](const erofs::Found& found) { take(found); });
    if (has_hard_links_ && breadth_first()) find_primary_names();
    restore_whiteouts();
    settle_link_counts();
    return {std::move(tree_), reader_.format()};
  }

 private:
  bool breadth_first() const { return reader_.format() != ImageFormat::v2; }

  void take(const erofs::Found& found) {
    if (breadth_first() && found.inode.is_whiteout()) return take_stub(found);
    if (found.again) {
      has_hard_links_ = true;
    } else {
      node_of_[found.inode.nid] = tree_.add(new_node(found.inode));
      first_directory_.push_back(node_of_[found.directory]);
      first_name_.push_back(found.name);
      name_count_.push_back(0);
    }
    const NodeId id = node_of_[found.inode.nid];
    ++name_count_[id];
    if (found.path.empty()) return;
    tree_[node_of_[found.directory]].directory()->children.emplace(found.name, id);
  }

  /// The stubs that hide the object folders of a C store are not part of the tree. Its own whiteouts are stored in
  /// another way, so there is no other reason for such a device.
  void take_stub(const erofs::Found& found) {
    stubs_.push_back(found.inode.nid);
    if (found.directory != reader_.root_nid() || !is_object_folder(found.name) || found.again) {
      throw bad("a whiteout that hides nothing of the image");
    }
  }

  Node new_node(const erofs::Inode& inode) {
    Node node;
    node.metadata.permissions = inode.mode & 07777U;
    node.metadata.uid = inode.uid;
    node.metadata.gid = inode.gid;
    node.metadata.mtime_seconds = inode.mtime_seconds;
    node.metadata.mtime_nanoseconds = inode.mtime_nanoseconds;
    node.nlink = inode.nlink;
    const image::OverlayOrders orders = image::read_xattrs(reader_, inode, node.metadata.xattrs, xattrs_left_);
    const bool is_root = inode.nid == reader_.root_nid() && breadth_first();
    if (orders.opaque && !is_root) throw bad("a directory that hides what is below, which only / of V0 and V1 does");
    fill_content(node, inode, orders);
    return node;
  }

  void fill_content(Node& node, const erofs::Inode& inode, const image::OverlayOrders& orders) {
    if (orders.metacopy && !inode.is(S_IFREG)) throw bad("something else than a file in an object");
    switch (inode.mode & S_IFMT) {
      case S_IFDIR:
        node.content = Directory{};
        break;
      case S_IFREG:
        node.content = regular_file(inode, orders);
        break;
      case S_IFLNK:
        node.content = Symlink{content(inode)};
        break;
      case S_IFCHR:
        node.content = DeviceNode{false, inode.rdev()};
        break;
      case S_IFBLK:
        node.content = DeviceNode{true, inode.rdev()};
        break;
      case S_IFIFO:
        node.content = Fifo{};
        break;
      default:
        node.content = Socket{};
        break;
    }
  }

  std::string content(const erofs::Inode& inode) {
    if (inode.size > contents_left_) throw bad("more contents than the image has room for");
    contents_left_ -= inode.size;
    return reader_.content(inode);
  }

  RegularFile regular_file(const erofs::Inode& inode, const image::OverlayOrders& orders) {
    RegularFile file;
    file.size = inode.size;
    const bool in_object = inode.layout == erofs::DataLayout::chunk_based;
    if (in_object != orders.metacopy) throw bad("file that is neither wholly in an object nor wholly in the image");
    if (!in_object) {
      file.inline_content = content(inode);
      return file;
    }
    if (file.size == 0) throw bad("empty file in an object");
    reader_.check_chunks(inode);
    file.digest = orders.digest;
    file.without_payload = orders.redirect.empty() && orders.digest;
    if (!orders.digest || orders.redirect != object_path(*orders.digest)) file.payload = orders.redirect;
    return file;
  }

  /// Inodes are numbered directory by directory: the name where the next number is met is the primary one.
  void find_primary_names() {
    std::vector<std::uint64_t> numbered(stubs_);
    for (std::uint64_t nid = 0; nid < node_of_.size(); ++nid) {
      if (node_of_[nid] != no_node) numbered.push_back(nid);
    }
    std::sort(numbered.begin(), numbered.end());
    std::size_t next = 1;
    for (const std::uint64_t nid : numbered) {
      const erofs::Inode inode = reader_.inode(nid);
      if (!inode.is(S_IFDIR)) continue;
      for (const erofs::DirectoryEntry& entry : reader_.entries(inode)) {
        const bool is_next = next < numbered.size() && entry.nid == numbered[next];
        next += is_next ? 1 : 0;
        if (entry.nid != numbered[next - 1]) continue;
        may_be_primary(node_of_[entry.nid], {node_of_[nid], std::string(entry.name)}, is_next);
      }
    }
  }

  /// While nothing else is numbered every name may be the primary one. The first name depth first is taken, which
  /// needs no mention, if it is among these, else the first of them.
  void may_be_primary(NodeId id, Name name, bool is_next) {
    if (id == no_node || name_count_[id] == 1) return;
    if (name.directory == first_directory_[id] && name.name == first_name_[id]) {
      tree_.primary_names.erase(id);
    } else if (is_next) {
      tree_.primary_names[id] = std::move(name);
    }
  }

  NodeId directory_of(NodeId id) const {
    const auto primary = tree_.primary_names.find(id);
    return primary == tree_.primary_names.end() ? first_directory_[id] : primary->second.directory;
  }

  /// A tree's whiteout looks like a file with certain xattrs; it is one if its directory is marked as well.
  void restore_whiteouts() {
    if (!breadth_first()) return;
    const bool marked_opaque = reader_.format() == ImageFormat::v1;
    std::vector<NodeId> directories;
    for (NodeId id = 0; id < tree_.nodes.size(); ++id) {
      Node& node = tree_[id];
      if (!image::looks_like_whiteout(node)) continue;
      if (!image::looks_like_whiteouts(tree_[directory_of(id)], marked_opaque)) continue;
      image::drop_whiteout_xattrs(node);
      node.content = DeviceNode{};
      directories.push_back(directory_of(id));
    }
    for (const NodeId id : directories) image::drop_whiteouts_xattrs(tree_[id], marked_opaque);
  }

  /// Only numbers that do not follow from the names are kept; those of directories always must, and in V2, whose writer
  /// counts names, all.
  void settle_link_counts() {
    for (const Node& node : tree_.nodes) {
      if (node.directory() == nullptr) continue;
      std::uint32_t count = 2;
      for (const auto& [name, child] : node.directory()->children) count += tree_[child].directory() != nullptr ? 1 : 0;
      if (node.nlink != count) throw bad("directory with another link count than it has subdirectories");
    }
    for (NodeId id = 0; id < tree_.nodes.size(); ++id) {
      Node& node = tree_[id];
      if (node.directory() != nullptr || node.nlink == name_count_[id]) node.nlink.reset();
      if (node.nlink && reader_.format() == ImageFormat::v2)
        throw bad("file with another link count than it has names");
    }
  }

  erofs::Reader reader_;
  Tree tree_;
  std::vector<NodeId> node_of_;          // by nid
  std::vector<NodeId> first_directory_;  // by NodeId: of the first name
  std::vector<std::string_view> first_name_;
  std::vector<std::uint32_t> name_count_;
  std::vector<std::uint64_t> stubs_;  // their nids
  std::uint64_t contents_left_ = 0;
  std::uint64_t xattrs_left_ = 0;
  bool has_hard_links_ = false;
};

}  // namespace

ReadImage read_image(ByteView image) {
  return during("reading the image", [&] { return TreeReader(image).run(); });
}

}  // namespace sealroot
