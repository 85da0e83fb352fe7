// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/disk/root_plan.hpp"

#include <sys/stat.h>

#include "builder/disk/ext4_directory.hpp"
#include "builder/disk/ext4_format.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"

namespace sealroot {
namespace {

/// Adds nodes by path to a tree whose nodes all carry one timestamp.
class Layout {
 public:
  Layout(RootPlan& plan, std::int64_t timestamp) : plan_(plan), timestamp_(timestamp) {
    plan_.tree[root_node] = node(0755, Directory{});
  }

  NodeId directory(NodeId parent, std::string_view name, std::uint32_t permissions = 0755) {
    auto& children = plan_.tree[parent].directory()->children;
    if (const auto found = children.find(name); found != children.end()) return found->second;
    return add(parent, name, node(permissions, Directory{}));
  }

  NodeId add(NodeId parent, std::string_view name, Node child) {
    const NodeId id = plan_.tree.add(std::move(child));
    plan_.tree[parent].directory()->children.emplace(name, id);
    return id;
  }

  void add_sealed(NodeId parent, const std::string& name, RegularFile content) {
    const NodeId id = add(parent, name, node(0644, std::move(content)));
    plan_.sealed.resize(id + 1);
    plan_.sealed[id] = true;
  }

  template <typename Content>
  Node node(std::uint32_t permissions, Content content) const {
    Metadata metadata;
    metadata.permissions = permissions;
    metadata.mtime_seconds = timestamp_;
    return {std::move(metadata), std::move(content)};
  }

 private:
  RootPlan& plan_;
  std::int64_t timestamp_;
};

/// Where an inode stands in RootPlan::inodes.
constexpr std::size_t inode_index(std::uint32_t number) {
  return number == ext4::root_inode ? 0 : number - ext4::first_inode + 1;
}

std::uint64_t object_size(const ObjectStore& store, const Digest& digest) {
  const Fd file = store.open(digest);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) throw os_error("reading the size of object " + to_hex(digest));
  return static_cast<std::uint64_t>(status.st_size);
}

void add_object(Layout& layout, NodeId objects, const ObjectStore& store, const Digest& digest) {
  const std::string path = object_path(digest);
  RegularFile file;
  file.size = object_size(store, digest);
  file.digest = digest;
  layout.add_sealed(layout.directory(objects, path.substr(0, 2)), path.substr(3), std::move(file));
}

/// refs/NAME -> ../TARGET in `names`, with one more `../` for each directory in NAME.
void add_ref(Layout& layout, NodeId names, const std::string& name, const std::string& to) {
  NodeId directory = layout.directory(names, "refs");
  std::string target = "../";
  std::size_t begin = 0;
  for (std::size_t slash = name.find('/'); slash != std::string::npos; slash = name.find('/', begin)) {
    directory = layout.directory(directory, name.substr(begin, slash - begin));
    target += "../";
    begin = slash + 1;
  }
  layout.add(directory, name.substr(begin), layout.node(0777, Symlink{target + to}));
}

void check_ref(const std::string& kind, std::string_view name) {
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find('/', begin), name.size());
    const std::string_view part = name.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..") {
      throw Error(Fault::usage, kind + " ref " + quoted(name) + ": has a part that is empty, '.' or '..'");
    }
    begin = end + 1;
  }
}

/// Names of objects that are there.
void add_streams(Layout& layout, NodeId repository, const RootPartition& root) {
  if (root.streams.empty()) return;
  const NodeId streams = layout.directory(repository, "streams");
  for (const auto& [id, object] : root.streams) {
    layout.add(streams, id, layout.node(0777, Symlink{"../objects/" + object_path(object)}));
  }
  for (const auto& [name, id] : root.stream_refs) {
    check_ref("stream", name);
    add_ref(layout, streams, name, id);
  }
}

void add_repository(Layout& layout, const RootPartition& root) {
  const NodeId repository = layout.directory(root_node, "composefs", 0700);
  const NodeId objects = layout.directory(repository, "objects");
  const NodeId images = layout.directory(repository, "images");

  RegularFile meta;
  meta.size = root.repository_meta.size();
  meta.inline_content = as_text(root.repository_meta);
  // composefs-rs takes a repository for one with fs-verity when this very file has it.
  layout.add_sealed(repository, "meta.json", std::move(meta));

  bool has_image = false;
  for (const Digest& digest : root.objects) {
    has_image = has_image || digest == root.image;
    add_object(layout, objects, root.store, digest);
  }
  if (!has_image) add_object(layout, objects, root.store, root.image);
  layout.add(images, to_hex(root.image), layout.node(0777, Symlink{"../objects/" + object_path(root.image)}));
  if (!root.image_ref.empty()) {
    check_ref("image", root.image_ref);
    add_ref(layout, images, root.image_ref, to_hex(root.image));
  }
  add_streams(layout, repository, root);
}

void add_state(Layout& layout, const Digest& image) {
  const NodeId state = layout.directory(root_node, "state");
  const NodeId deployment = layout.directory(layout.directory(state, "deploy"), to_hex(image));
  layout.directory(deployment, "etc");
  layout.add(deployment, "var", layout.node(0777, Symlink{"../../os/default/var"}));
  layout.directory(layout.directory(layout.directory(state, "os"), "default"), "var");
}

/// Copies nodes of another tree into the plan's; hard links stay hard links.
class Overlay {
 public:
  Overlay(RootPlan& plan, const Tree& source) : plan_(plan), source_(source), copies_(source.nodes.size()) {}

  /// Lays the directory `from` over the plan's `to`. Recurses only where both have a directory, so no deeper than the
  /// layout itself.
  void merge(NodeId from, NodeId to, const std::string& path) {
    plan_.tree[to].metadata = source_[from].metadata;
    for (const auto& [name, child] : source_[from].directory()->children) {
      const auto& existing = plan_.tree[to].directory()->children;
      const auto found = existing.find(name);
      if (found == existing.end()) {
        copy_below(child, to, name);
      } else if (source_[child].directory() && plan_.tree[found->second].directory()) {
        merge(child, found->second, path + "/" + name);
      } else {
        throw Error(Fault::usage, "state " + quoted(path + "/" + name) + ": the disk has something else there");
      }
    }
  }

 private:
  /// Copies `top` and all below it, with a stack of its own: depth comes from the container image.
  void copy_below(NodeId top, NodeId parent, std::string_view name) {
    std::vector<NodeId> open;
    link(top, parent, name, open);
    while (!open.empty()) {
      const NodeId from = open.back();
      open.pop_back();
      for (const auto& [child_name, child] : source_[from].directory()->children) {
        link(child, *copies_[from], child_name, open);
      }
    }
  }

  void link(NodeId from, NodeId parent, std::string_view name, std::vector<NodeId>& open) {
    if (!copies_[from]) {
      Node node{source_[from].metadata, {}};
      if (source_[from].directory()) {
        open.push_back(from);
      } else {
        node.content = source_[from].content;
      }
      copies_[from] = plan_.tree.add(std::move(node));
    }
    plan_.tree[parent].directory()->children.emplace(name, *copies_[from]);
  }

  RootPlan& plan_;
  const Tree& source_;
  std::vector<std::optional<NodeId>> copies_;
};

/// Only /state may come from outside: nothing slips into the repository beside what is sealed.
void add_state_contents(RootPlan& plan, const Tree& state) {
  for (const auto& [name, child] : state[root_node].directory()->children) {
    if (name != "state" || !state[child].directory()) {
      throw Error(Fault::usage, "state " + quoted("/" + name) + ": only the directory /state can be filled");
    }
    Overlay(plan, state).merge(child, plan.tree[root_node].directory()->children.at("state"), "/state");
  }
}

/// Gives inode numbers and counts links.
class Numbering {
 public:
  explicit Numbering(RootPlan& plan) : plan_(plan) { plan_.inode_of.resize(plan.tree.nodes.size()); }

  void run() {
    place(root_node, ext4::root_inode, ext4::root_inode, "");
    // e2fsck looks for lost+found by name, but everybody expects it in the first ordinary inode.
    const auto lost = plan_.tree[root_node].directory()->children.find(lost_and_found);
    add_name(lost->first, lost->second, ext4::root_inode);
    visit_all();
  }

 private:
  /// Directories on the way from the root, each with the name to take next; the call stack would be too small.
  struct Level {
    decltype(Directory::children)::const_iterator next, end;
    std::uint32_t number;
  };

  void visit_all() {
    std::vector<Level> levels{level(root_node)};
    while (!levels.empty()) {
      Level& top = levels.back();
      if (top.next == top.end) {
        levels.pop_back();
        continue;
      }
      const auto& [name, child] = *top.next++;
      if (top.number == ext4::root_inode && name == lost_and_found) continue;
      add_name(name, child, top.number);
      if (plan_.tree[child].directory()) levels.push_back(level(child));
    }
  }

  Level level(NodeId directory) const {
    const auto& children = plan_.tree[directory].directory()->children;
    return {children.begin(), children.end(), plan_.inode_of[directory]};
  }

  void add_name(std::string_view name, NodeId child, std::uint32_t parent) {
    if (plan_.inode_of[child] != 0) {
      ++plan_.inodes[inode_index(plan_.inode_of[child])].links;
      return;
    }
    place(child, next_++, parent, name);
    if (plan_.tree[child].directory()) ++plan_.inodes[inode_index(parent)].links;  // by the child's ".."
  }

  void place(NodeId node, std::uint32_t number, std::uint32_t parent, std::string_view name) {
    plan_.inode_of[node] = number;
    plan_.inodes.push_back({node, number, parent, plan_.tree[node].directory() ? 2U : 1U, name});
  }

  RootPlan& plan_;
  std::uint32_t next_ = ext4::first_inode;
};

std::uint64_t blocks_of(const RootPlan& plan, const PlannedInode& inode) {
  const Node& node = plan.tree[inode.node];
  std::uint64_t blocks = node.metadata.xattrs.empty() ? 0 : 1;
  if (const RegularFile* file = node.regular()) {
    blocks += ext4::blocks_for(file->size);
    if (plan.sealed[inode.node]) blocks += verity_metadata_blocks(file->size, plan.algorithm);
  } else if (const Directory* directory = node.directory()) {
    blocks += std::max<std::uint64_t>(ext4::directory_block_count(*directory), minimum_directory_blocks(inode));
  } else if (const Symlink* link = node.symlink()) {
    blocks += link->target.size() < ext4::fast_symlink_limit ? 0 : 1;
  }
  return blocks;
}

}  // namespace

std::uint64_t minimum_directory_blocks(const PlannedInode& inode) { return inode.number == ext4::first_inode ? 4 : 1; }

RootPlan plan_root(const RootPartition& root, std::int64_t timestamp) {
  RootPlan plan{.algorithm = root.store.algorithm()};
  Layout layout(plan, timestamp);
  layout.directory(root_node, std::string(lost_and_found), 0700);
  add_repository(layout, root);
  add_state(layout, root.image);
  if (root.state != nullptr) add_state_contents(plan, *root.state);
  plan.sealed.resize(plan.tree.nodes.size());
  Numbering(plan).run();
  return plan;
}

std::string path_of(const RootPlan& plan, const PlannedInode& inode) {
  std::string path;
  for (const PlannedInode* at = &inode; at->number != ext4::root_inode; at = &plan.inodes[inode_index(at->parent)]) {
    std::string step = "/";
    step += at->name;
    path = step + path;
  }
  return path.empty() ? "/" : path;
}

std::uint64_t verity_metadata_blocks(std::uint64_t size_bytes, Algorithm algorithm) {
  const std::uint64_t hashes_per_block = verity_block_size / digest_size(algorithm);
  std::uint64_t tree_blocks = 0;
  for (std::uint64_t level = ext4::blocks_for(size_bytes); level > 1;) {
    level = (level + hashes_per_block - 1) / hashes_per_block;
    tree_blocks += level;
  }
  return tree_blocks + 1;  // descriptor and its length share a block
}

std::uint64_t data_blocks(const RootPlan& plan) {
  std::uint64_t blocks = 0;
  for (const PlannedInode& inode : plan.inodes) blocks += blocks_of(plan, inode);
  // Extent tree blocks: a file has one for 340 extents, and an extent ends where a group's metadata stands or after
  // 32768 blocks, so this is plenty.
  return blocks + blocks / 4096 + 64;
}

}  // namespace sealroot
