// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "upgrade/stage/write_tree.hpp"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <map>

#include "store/core/error.hpp"
#include "store/listing.hpp"

namespace sealroot {
namespace {

/// Each level costs an open file.
constexpr std::size_t max_depth = 256;

/// The reverse of new_encode_dev of the kernel.
dev_t device_number(std::uint32_t packed) {
  return ::makedev((packed & 0xfff00) >> 8, (packed & 0xff) | ((packed >> 12) & 0xfff00));
}

void set_metadata(const Fd& file, const Metadata& metadata) {
  if (::geteuid() == 0 && ::fchown(file.get(), metadata.uid, metadata.gid) < 0) throw os_error("chown");
  if (::fchmod(file.get(), static_cast<mode_t>(metadata.permissions)) < 0) throw os_error("chmod");
  for (const auto& [name, value] : metadata.xattrs) {
    if (::fsetxattr(file.get(), std::string(name).c_str(), value.begin(), value.size(), 0) < 0) {
      throw os_error("setting " + quoted(name));
    }
  }
  const std::array<timespec, 2> times{timespec{0, UTIME_OMIT},
                                      timespec{metadata.mtime_seconds, static_cast<long>(metadata.mtime_nanoseconds)}};
  if (::futimens(file.get(), times.data()) < 0) throw os_error("setting its time");
}

/// How many names below `top` each file has that is no directory.
std::map<NodeId, std::size_t> count_names(const Tree& tree, NodeId top) {
  std::map<NodeId, std::size_t> names;
  std::vector<NodeId> open{top};
  while (!open.empty()) {
    const Directory& directory = *tree[open.back()].directory();
    open.pop_back();
    for (const auto& [name, child] : directory.children) {
      if (tree[child].directory() != nullptr) {
        open.push_back(child);
      } else {
        ++names[child];
      }
    }
  }
  return names;
}

class Writer {
 public:
  Writer(const Tree& tree, NodeId top, const NodeContent& content)
      : tree_(tree), content_(content), names_(count_names(tree, top)) {}

  void fill(const Fd& directory, NodeId node, std::size_t depth) {
    if (depth > max_depth) throw Error(Fault::malformed, "too many directories inside one another");
    for (const auto& [name, child] : tree_[node].directory()->children) {
      during(quoted(name), [&, entry = std::string(name), id = child] { write(directory, entry, id, depth); });
    }
    set_metadata(directory, tree_[node].metadata);  // last: writing changes its time
  }

 private:
  void write(const Fd& directory, const std::string& name, NodeId id, std::size_t depth) {
    if (const auto first = files_.find(id); first != files_.end()) return link(first->second, directory, name);
    const Node& node = tree_[id];
    if (node.directory() != nullptr) {
      if (::mkdirat(directory.get(), name.c_str(), 0700) < 0) throw os_error("creating");
      fill(open_beneath(directory, name, O_RDONLY | O_DIRECTORY), id, depth + 1);
    } else if (const RegularFile* const file = node.regular()) {
      write_file(directory, name, *file, node.metadata, id);
    } else {
      write_special(directory, name, node);
    }
  }

  void write_file(const Fd& directory, const std::string& name, const RegularFile& file, const Metadata& metadata,
                  NodeId id) {
    Fd made(::openat(directory.get(), name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!made) throw os_error("creating");
    write_all(made, content_(id, file));
    set_metadata(made, metadata);
    if (names_.at(id) > 1) files_.emplace(id, std::move(made));
  }

  void write_special(const Fd& directory, const std::string& name, const Node& node) {
    const Metadata& metadata = node.metadata;
    int made = -1;
    if (const Symlink* const symlink = node.symlink()) {
      made = ::symlinkat(std::string(symlink->target).c_str(), directory.get(), name.c_str());
    } else if (const auto* const device = std::get_if<DeviceNode>(&node.content)) {
      const mode_t mode = (device->block ? S_IFBLK : S_IFCHR) | static_cast<mode_t>(metadata.permissions);
      made = ::mknodat(directory.get(), name.c_str(), mode, device_number(device->rdev));
    } else if (std::holds_alternative<Fifo>(node.content)) {
      made = ::mknodat(directory.get(), name.c_str(), S_IFIFO | static_cast<mode_t>(metadata.permissions), 0);
    } else {
      throw Error(Fault::malformed, "a socket: it can't be copied to the state");
    }
    if (made < 0) throw os_error("creating");
    if (::geteuid() == 0 &&
        ::fchownat(directory.get(), name.c_str(), metadata.uid, metadata.gid, AT_SYMLINK_NOFOLLOW) < 0) {
      throw os_error("chown");
    }
  }

  void link(const Fd& file, const Fd& directory, const std::string& name) {
    const std::string from = "/proc/self/fd/" + std::to_string(file.get());
    if (::linkat(AT_FDCWD, from.c_str(), directory.get(), name.c_str(), AT_SYMLINK_FOLLOW) < 0) {
      throw os_error("linking");
    }
  }

  const Tree& tree_;
  const NodeContent& content_;
  std::map<NodeId, std::size_t> names_;
  std::map<NodeId, Fd> files_;  // that have another name
};

void empty(const Fd& directory, std::size_t depth) {
  if (depth > max_depth) throw Error(Fault::malformed, "too many directories inside one another");
  for (const DirectoryEntry& entry : list_directory(directory)) {
    int flags = 0;
    if (entry.type == EntryType::directory) {
      // overlayfs leaves its `work` without any permission, which stops everybody but root.
      ::fchmodat(directory.get(), entry.name.c_str(), 0700, 0);
      empty(open_beneath(directory, entry.name, O_RDONLY | O_DIRECTORY), depth + 1);
      flags = AT_REMOVEDIR;
    }
    if (::unlinkat(directory.get(), entry.name.c_str(), flags) < 0 && errno != ENOENT) {
      throw os_error("removing " + quoted(entry.name));
    }
  }
}

}  // namespace

void write_tree(const Fd& directory, const Tree& tree, NodeId node, const NodeContent& content) {
  Writer(tree, node, content).fill(directory, node, 0);
}

NodeContent contents_in(const ObjectStore& store) {
  return [&store](NodeId, const RegularFile& file) {
    return file.digest ? store.read(*file.digest) : Bytes(file.inline_content.begin(), file.inline_content.end());
  };
}

void remove_tree(const Fd& directory, const std::string& name) {
  during("removing " + quoted(name), [&] {
    const auto folder = try_open_beneath(directory, name, O_RDONLY | O_DIRECTORY);
    if (!folder) return;
    empty(*folder, 0);
    if (::unlinkat(directory.get(), name.c_str(), AT_REMOVEDIR) < 0 && errno != ENOENT) throw os_error("removing it");
  });
}

}  // namespace sealroot
