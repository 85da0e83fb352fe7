// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/source/directory.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "builder/layer/limits.hpp"
#include "store/core/error.hpp"

namespace sealroot {

namespace {

Error bad(const std::string& reason) { return {Fault::malformed, reason}; }

/// xattrs of any file, links and devices included, can be read through its O_PATH descriptor in /proc only.
std::string proc_path(const Fd& file) { return "/proc/self/fd/" + std::to_string(file.get()); }

std::string xattr_value(const std::string& file, const char* name) {
  std::string value(max_xattr_value_size, '\0');
  const ssize_t size = ::getxattr(file.c_str(), name, value.data(), value.size());
  if (size < 0) throw os_error("reading xattr " + quoted(name));
  value.resize(static_cast<std::size_t>(size));
  return value;
}

Xattrs read_xattrs(const Fd& file) {
  const std::string path = proc_path(file);
  std::string names(max_xattr_value_size, '\0');
  const ssize_t size = ::listxattr(path.c_str(), names.data(), names.size());
  if (size < 0 && errno == ENOTSUP) return {};
  if (size < 0) throw os_error("listing xattrs");
  Xattrs xattrs;
  for (std::size_t at = 0; at < static_cast<std::size_t>(size);) {
    const std::string name(names.c_str() + at);
    at += name.size() + 1;
    xattrs.emplace(name, xattr_value(path, name.c_str()));
  }
  return xattrs;
}

/// As new_encode_dev of the kernel.
std::uint32_t packed_device(dev_t device) {
  const std::uint32_t minor = ::minor(device);
  return (minor & 0xff) | ::major(device) << 8 | (minor & ~0xffU) << 12;
}

std::vector<std::string> names_in(const Fd& directory) {
  const int copy = ::openat(directory.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(copy < 0 ? nullptr : ::fdopendir(copy), ::closedir);
  if (!listing) throw os_error("listing the directory");
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* const entry = ::readdir(listing.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
    errno = 0;
  }
  if (errno != 0) throw os_error("listing the directory");
  std::sort(names.begin(), names.end());
  return names;
}

class DirectoryReader {
 public:
  DirectoryReader(MergedTree& tree, Ingest& ingest, const std::function<void(std::uint64_t)>& progress,
                  const DirectoryRules& rules)
      : tree_(tree), ingest_(ingest), progress_(progress), rules_(rules) {}

  void read(const std::string& path) {
    const Fd root = open_at(working_directory(), path, O_RDONLY | O_DIRECTORY);
    struct stat info {};
    if (::fstat(root.get(), &info) < 0) throw os_error("reading " + quoted(path));
    device_ = info.st_dev;
    LayerEntry entry = new_entry("", root, info);
    tree_.add(entry);
    walk(root, "");
  }

 private:
  void walk(const Fd& directory, const std::string& prefix) {
    for (const std::string& name : names_in(directory)) {
      const std::string path = prefix + name;
      during(quoted(path), [&] { take(directory, name, path); });
    }
  }

  void take(const Fd& directory, const std::string& name, const std::string& path) {
    if (++count_ > rules_.max_entries) {
      throw bad("more than " + std::to_string(rules_.max_entries) + " entries; --max-entries allows more");
    }
    if (path.size() > max_entry_path_size)
      throw bad("path is longer than " + std::to_string(max_entry_path_size) + " bytes");
    if (rules_.refuse_whiteouts && name.starts_with(".wh."))
      throw bad("has the name of a whiteout, which would hide a file in a container image");
    const Fd file = open_at(directory, name, O_PATH | O_NOFOLLOW);
    struct stat info {};
    if (::fstat(file.get(), &info) < 0) throw os_error("reading");
    if (rules_.one_file_system && info.st_dev != device_)
      throw bad("is on another file system; mount points are not followed");
    LayerEntry entry = new_entry(path, file, info);
    if (S_ISDIR(info.st_mode)) {
      tree_.add(entry);
      walk(open_at(file, ".", O_RDONLY | O_DIRECTORY), path + "/");
      return;
    }
    if (const std::string* const first = first_name(info, path)) {
      entry.what = HardLink{*first};
    } else {
      fill(file, info, entry);
    }
    tree_.add(entry);
  }

  /// The name that `path` is a hard link to, or null.
  const std::string* first_name(const struct stat& info, const std::string& path) {
    if (!rules_.hard_links || info.st_nlink < 2) return nullptr;
    const auto [first, is_first] = names_.emplace(std::pair(info.st_dev, info.st_ino), path);
    return is_first ? nullptr : &first->second;
  }

  /// A directory, until fill() says something else.
  static LayerEntry new_entry(const std::string& path, const Fd& file, const struct stat& info) {
    LayerEntry entry;
    entry.path = path;
    Metadata& metadata = std::get<Node>(entry.what).metadata;
    metadata.permissions = info.st_mode & 07777U;
    metadata.uid = info.st_uid;
    metadata.gid = info.st_gid;
    metadata.mtime_seconds = info.st_mtim.tv_sec;
    metadata.mtime_nanoseconds = static_cast<std::uint32_t>(info.st_mtim.tv_nsec);
    metadata.xattrs = read_xattrs(file);
    return entry;
  }

  void fill(const Fd& file, const struct stat& info, LayerEntry& entry) {
    Node& node = std::get<Node>(entry.what);
    switch (info.st_mode & S_IFMT) {
      case S_IFREG:
        node.content.emplace<RegularFile>().size = static_cast<std::uint64_t>(info.st_size);
        entry.content = read_content(file, info, entry.path, *node.regular());
        break;
      case S_IFLNK:
        node.content = Symlink{link_target(file)};
        break;
      case S_IFIFO:
        node.content = Fifo{};
        break;
      case S_IFSOCK:
        node.content = Socket{};
        break;
      case S_IFCHR:
        node.content = DeviceNode{false, packed_device(info.st_rdev)};
        break;
      case S_IFBLK:
        node.content = DeviceNode{true, packed_device(info.st_rdev)};
        break;
      default:
        throw bad("unknown type of file");
    }
  }

  static std::string link_target(const Fd& file) {
    std::string target(max_entry_path_size, '\0');
    const ssize_t size = ::readlinkat(file.get(), "", target.data(), target.size());
    if (size < 0) throw os_error("reading the link");
    target.resize(static_cast<std::size_t>(size));
    return target;
  }

  std::optional<ContentId> read_content(const Fd& path_only, const struct stat& before, std::string_view path,
                                        RegularFile& node) {
    // The very file that was looked at, not what has its name by now.
    const Fd file(::open(proc_path(path_only).c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) throw os_error("opening");
    std::optional<ContentId> id;
    if (node.size > max_inline_size) id = ingest_.begin(node.size, path);
    for (std::uint64_t left = node.size; left > 0;) {
      const ssize_t got = ::read(file.get(), buffer_.data(), std::min<std::uint64_t>(buffer_.size(), left));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw os_error("reading");
      if (got == 0) throw bad("became shorter while it was read");
      const ByteView piece = ByteView(buffer_).first(static_cast<std::size_t>(got));
      id ? ingest_.write(piece) : void(node.inline_content += as_text(piece));
      left -= piece.size();
      done_ += piece.size();
      if (progress_) progress_(done_);
    }
    struct stat after {};
    if (::fstat(file.get(), &after) < 0) throw os_error("reading");
    if (after.st_size != before.st_size || after.st_mtim.tv_sec != before.st_mtim.tv_sec ||
        after.st_mtim.tv_nsec != before.st_mtim.tv_nsec) {
      throw bad("changed while it was read");
    }
    if (id) ingest_.end();
    return id;
  }

  MergedTree& tree_;
  Ingest& ingest_;
  const std::function<void(std::uint64_t)>& progress_;
  dev_t device_ = 0;
  const DirectoryRules rules_;
  std::map<std::pair<dev_t, ino_t>, std::string> names_;  // the first name of each inode
  std::vector<std::uint8_t> buffer_ = std::vector<std::uint8_t>(1U << 18);
  std::uint64_t count_ = 0;
  std::uint64_t done_ = 0;
};

}  // namespace

void read_directory(const std::string& path, MergedTree& tree, Ingest& ingest,
                    const std::function<void(std::uint64_t)>& progress, const DirectoryRules& rules) {
  DirectoryReader(tree, ingest, progress, rules).read(path);
}

}  // namespace sealroot
