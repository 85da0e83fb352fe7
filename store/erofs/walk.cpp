// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/erofs/walk.hpp"

#include <sys/stat.h>

#include <string>
#include <vector>

#include "store/core/error.hpp"

namespace sealroot::erofs {
namespace {

Error bad(const std::string& reason) { return {Fault::malformed, reason}; }

FileType file_type(const Inode& inode) {
  switch (inode.mode & S_IFMT) {
    case S_IFREG:
      return FileType::regular;
    case S_IFDIR:
      return FileType::directory;
    case S_IFCHR:
      return FileType::chrdev;
    case S_IFBLK:
      return FileType::blkdev;
    case S_IFIFO:
      return FileType::fifo;
    case S_IFSOCK:
      return FileType::sock;
    case S_IFLNK:
      return FileType::symlink;
    default:
      throw bad("inode of an unknown type");
  }
}

class Walk {
 public:
  Walk(const Reader& reader, const std::function<void(const Found&)>& visit)
      : reader_(reader), visit_(visit), seen_(reader.nid_limit()) {}

  void run() {
    try {
      const Inode root = reader_.inode(reader_.root_nid());
      if (!root.is(S_IFDIR)) throw bad("the root is not a directory");
      meet(root, root.nid, "");
      while (!steps_.empty()) next();
    } catch (const Error& error) {
      throw error.within(quoted(path_.empty() ? "/" : path_));
    }
  }

 private:
  struct Step {
    std::uint64_t directory;
    std::vector<DirectoryEntry> entries;
    std::size_t next;
    std::size_t path_size;
  };

  void next() {
    Step& step = steps_.back();
    path_.resize(step.path_size);
    if (step.next == step.entries.size()) {
      steps_.pop_back();
      return;
    }
    const DirectoryEntry entry = step.entries[step.next++];
    if (entry.name == "." || entry.name == "..") return;
    path_ += '/';
    path_ += entry.name;
    const Inode inode = reader_.inode(entry.nid);
    const FileType type = file_type(inode);
    if (entry.file_type != static_cast<std::uint8_t>(type)) throw bad("entry of another type than its inode");
    meet(inode, step.directory, entry.name);
  }

  void meet(const Inode& inode, std::uint64_t parent, std::string_view name) {
    const bool again = seen_[inode.nid];
    seen_[inode.nid] = true;
    if (again && inode.is(S_IFDIR)) throw bad("a directory with two names");
    visit_({path_, name, inode, parent, again});
    if (inode.is(S_IFDIR)) enter(inode, parent);
  }

  void enter(const Inode& directory, std::uint64_t parent) {
    // Blocks that several directories claim would make a small image a huge tree.
    directories_size_ += directory.size;
    if (directory.size > reader_.image().size() || directories_size_ > reader_.image().size()) {
      throw bad("directories larger than the image");
    }
    std::vector<DirectoryEntry> entries = reader_.entries(directory);
    std::size_t dots = 0;
    for (const DirectoryEntry& entry : entries) {
      if (entry.name != "." && entry.name != "..") continue;
      ++dots;
      if (entry.nid != (entry.name == "." ? directory.nid : parent)) throw bad("'.' or '..' leads elsewhere");
    }
    if (dots != 2) throw bad("directory without '.' or '..'");
    steps_.push_back({directory.nid, std::move(entries), 0, path_.size()});
  }

  const Reader& reader_;
  const std::function<void(const Found&)>& visit_;
  std::vector<bool> seen_;  // by nid
  std::vector<Step> steps_;
  std::string path_;
  std::uint64_t directories_size_ = 0;
};

}  // namespace

void walk(const Reader& reader, const std::function<void(const Found&)>& visit) { Walk(reader, visit).run(); }

}  // namespace sealroot::erofs
