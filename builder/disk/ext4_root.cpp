// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/disk/ext4_root.hpp"

#include <ext2fs/ext2_fs.h>
#include <sys/stat.h>

#include "builder/disk/contents.hpp"
#include "store/core/error.hpp"

namespace sealroot {
namespace {

std::uint16_t type_of(const Node& node) {
  struct Types {
    std::uint16_t operator()(const Directory&) const { return S_IFDIR; }
    std::uint16_t operator()(const RegularFile&) const { return S_IFREG; }
    std::uint16_t operator()(const Symlink&) const { return S_IFLNK; }
    std::uint16_t operator()(const DeviceNode& device) const { return device.block ? S_IFBLK : S_IFCHR; }
    std::uint16_t operator()(const Fifo&) const { return S_IFIFO; }
    std::uint16_t operator()(const Socket&) const { return S_IFSOCK; }
  };
  return std::visit(Types{}, node.content);
}

std::uint8_t entry_type(std::uint16_t type) {
  switch (type) {
    case S_IFDIR:
      return EXT2_FT_DIR;
    case S_IFREG:
      return EXT2_FT_REG_FILE;
    case S_IFLNK:
      return EXT2_FT_SYMLINK;
    case S_IFBLK:
      return EXT2_FT_BLKDEV;
    case S_IFCHR:
      return EXT2_FT_CHRDEV;
    case S_IFIFO:
      return EXT2_FT_FIFO;
    default:
      return EXT2_FT_SOCK;
  }
}

/// Writes inodes and directories in the plan's order and gathers where the contents of files go.
class RootWriter {
 public:
  RootWriter(const RootPlan& plan, const Fd& disk, std::uint64_t offset_bytes, ext4::FileSystem& file_system)
      : plan_(plan), disk_(disk), offset_bytes_(offset_bytes), file_system_(file_system) {}

  void write(const PlannedInode& planned) {
    const Node& node = plan_.tree[planned.node];
    ext4::Inode inode;
    inode.number = planned.number;
    inode.type = type_of(node);
    inode.metadata = &node.metadata;
    inode.links = planned.links;
    if (const RegularFile* file = node.regular()) place_file(planned, *file, inode);
    if (node.directory()) write_directory(planned, *node.directory(), inode);
    if (const Symlink* link = node.symlink()) write_symlink(*link, inode);
    if (const auto* device = std::get_if<DeviceNode>(&node.content)) inode.device = device->rdev;
    file_system_.write_inode(inode);
  }

  const std::vector<Content>& contents() const { return contents_; }

 private:
  void place_file(const PlannedInode& planned, const RegularFile& file, ext4::Inode& inode) {
    inode.size_bytes = file.size;
    inode.sealed = plan_.sealed[planned.node];
    file_system_.allocate(0, ext4::blocks_for(file.size), inode.runs);
    if (inode.sealed) {
      const std::uint64_t logical = round_up(file.size, ext4::verity_alignment_bytes) / ext4::block_bytes;
      file_system_.allocate(logical, verity_metadata_blocks(file.size, plan_.algorithm), inode.runs);
    }
    contents_.push_back({&file, inode.sealed, inode.runs});
  }

  void write_directory(const PlannedInode& planned, const Directory& directory, ext4::Inode& inode) {
    std::vector<ext4::DirectoryEntry> entries;
    for (const auto& [name, child] : directory.children) {
      entries.push_back({name, plan_.inode_of[child], entry_type(type_of(plan_.tree[child]))});
    }
    Bytes blocks = ext4::directory_blocks(planned.number, planned.parent, entries, minimum_directory_blocks(planned));
    inode.size_bytes = blocks.size();
    file_system_.allocate(0, blocks.size() / ext4::block_bytes, inode.runs);
    file_system_.write_directory_blocks(planned.number, inode.runs, std::move(blocks));
  }

  void write_symlink(const Symlink& link, ext4::Inode& inode) {
    inode.size_bytes = link.target.size();
    if (link.target.size() < ext4::fast_symlink_limit) {
      inode.fast_symlink = link.target;
      return;
    }
    if (link.target.size() >= ext4::block_bytes) throw Error(Fault::malformed, "symbolic link of more than 4095 bytes");
    file_system_.allocate(0, 1, inode.runs);
    write_all_at(disk_, as_bytes(link.target), offset_bytes_ + inode.runs.front().physical * ext4::block_bytes);
  }

  const RootPlan& plan_;
  const Fd& disk_;
  std::uint64_t offset_bytes_;
  ext4::FileSystem& file_system_;
  std::vector<Content> contents_;
};

}  // namespace

std::uint64_t needed_root_bytes(const RootPlan& plan, std::uint64_t free_blocks) {
  return ext4::needed_block_count(data_blocks(plan) + free_blocks, static_cast<std::uint32_t>(plan.inodes.size())) *
         ext4::block_bytes;
}

void write_ext4_root(const RootPlan& plan, const ObjectStore& store, const Fd& disk, ext4::Parameters parameters,
                     unsigned threads, const DiskProgress& progress) {
  parameters.inode_count =
      ext4::inode_count_for(parameters.block_count, static_cast<std::uint32_t>(plan.inodes.size()));
  ext4::FileSystem file_system(disk, parameters);
  RootWriter writer(plan, disk, parameters.offset_bytes, file_system);
  for (const PlannedInode& inode : plan.inodes) {
    try {
      writer.write(inode);
    } catch (const Error& error) {  // not during(): the path is worth putting together only now
      throw error.within(quoted(path_of(plan, inode)));
    }
  }
  file_system.finish();

  std::uint64_t total_bytes = 0;
  for (const Content& content : writer.contents()) total_bytes += content.file->size;
  write_contents(writer.contents(), store, disk, parameters.offset_bytes, threads, [&](std::uint64_t done_bytes) {
    if (progress) progress(done_bytes, total_bytes);
  });
}

}  // namespace sealroot
