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

  NodeId directory(NodeId parent, const std::string& name, std::uint32_t permissions = 0755) {
    auto& children = plan_.tree[parent].directory()->children;
    if (const auto found = children.find(name); found != children.end()) return found->second;
    return add(parent, name, node(permissions, Directory{}));
  }

  NodeId add(NodeId parent, const std::string& name, Node child) {
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
}

void add_state(Layout& layout, const Digest& image) {
  const NodeId state = layout.directory(root_node, "state");
  const NodeId deployment = layout.directory(layout.directory(state, "deploy"), to_hex(image));
  const NodeId etc = layout.directory(deployment, "etc");
  layout.directory(etc, "upper");
  layout.directory(etc, "work");
  layout.add(deployment, "var", layout.node(0777, Symlink{"../../os/default/var"}));
  layout.directory(layout.directory(layout.directory(state, "os"), "default"), "var");
}

/// Copies the nodes below `from` of another tree over the plan's directory `to`; hard links stay hard links.
class Overlay {
 public:
  Overlay(RootPlan& plan, const Tree& source) : plan_(plan), source_(source), copies_(source.nodes.size()) {}

  void apply(NodeId from, NodeId to, const std::string& path) {
    plan_.tree[to].metadata = source_[from].metadata;
    for (const auto& [name, child] : source_[from].directory()->children) {
      const std::string child_path = path + "/" + name;
      const auto& existing = plan_.tree[to].directory()->children;
      const auto found = existing.find(name);
      if (found == existing.end()) {
        const NodeId copied = copy(child, child_path);  // may move the table that `existing` is in
        plan_.tree[to].directory()->children.emplace(name, copied);
      } else if (source_[child].directory() && plan_.tree[found->second].directory()) {
        apply(child, found->second, child_path);
      } else {
        throw Error(Fault::usage, "state " + quoted(child_path) + ": stands in the way of the disk's own layout");
      }
    }
  }

 private:
  NodeId copy(NodeId from, const std::string& path) {
    if (copies_[from]) return *copies_[from];
    Node node = source_[from];
    if (node.directory()) node.content = Directory{};
    const NodeId to = plan_.tree.add(std::move(node));
    copies_[from] = to;
    if (source_[from].directory()) apply(from, to, path);
    return to;
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
    Overlay(plan, state).apply(child, plan.tree[root_node].directory()->children.at("state"), "/state");
  }
}

/// Gives inode numbers depth first and counts links.
class Numbering {
 public:
  explicit Numbering(RootPlan& plan) : plan_(plan) {
    plan_.inode_of.resize(plan.tree.nodes.size());
    plan_.name_of.resize(plan.tree.nodes.size());
  }

  void run() {
    place(root_node, ext4::root_inode, ext4::root_inode, "");
    // e2fsck looks for lost+found by name, but everybody expects it in the first ordinary inode.
    const NodeId lost = plan_.tree[root_node].directory()->children.at(std::string(lost_and_found));
    place(lost, next_++, ext4::root_inode, std::string(lost_and_found));
    visit(root_node, "");
    for (PlannedInode& inode : plan_.inodes) {
      if (plan_.tree[inode.node].directory()) inode.links = 2 + subdirectories(inode.node);
    }
  }

 private:
  void place(NodeId node, std::uint32_t number, std::uint32_t parent, std::string path) {
    plan_.inode_of[node] = number;
    plan_.name_of[node] = std::move(path);
    index_.resize(plan_.tree.nodes.size());
    index_[node] = plan_.inodes.size();
    plan_.inodes.push_back({node, number, parent, 1});
  }

  void visit(NodeId directory, const std::string& path) {
    for (const auto& [name, child] : plan_.tree[directory].directory()->children) {
      if (directory == root_node && name == lost_and_found) continue;
      if (plan_.inode_of[child] != 0) {
        ++plan_.inodes[index_[child]].links;
        continue;
      }
      const std::string child_path = path.empty() ? name : path + "/" + name;
      place(child, next_++, plan_.inode_of[directory], child_path);
      if (plan_.tree[child].directory()) visit(child, child_path);
    }
  }

  std::uint32_t subdirectories(NodeId directory) const {
    std::uint32_t count = 0;
    for (const auto& [name, child] : plan_.tree[directory].directory()->children) {
      if (plan_.tree[child].directory()) ++count;
    }
    return count;
  }

  RootPlan& plan_;
  std::vector<std::size_t> index_;
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

std::uint64_t minimum_directory_blocks(const PlannedInode& inode) {
  return inode.number == ext4::first_inode ? 4 : 1;
}

RootPlan plan_root(const RootPartition& root, std::int64_t timestamp) {
  RootPlan plan{.tree = {}, .sealed = {}, .inodes = {}, .inode_of = {}, .name_of = {},
                .algorithm = root.store.algorithm()};
  Layout layout(plan, timestamp);
  layout.directory(root_node, std::string(lost_and_found), 0700);
  add_repository(layout, root);
  add_state(layout, root.image);
  if (root.state != nullptr) add_state_contents(plan, *root.state);
  plan.sealed.resize(plan.tree.nodes.size());
  Numbering(plan).run();
  return plan;
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
