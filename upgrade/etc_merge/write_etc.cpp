// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "upgrade/etc_merge/write_etc.hpp"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>

#include "store/core/error.hpp"
#include "store/verity/verity_hasher.hpp"

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
    if (::fsetxattr(file.get(), name.c_str(), value.data(), value.size(), 0) < 0) {
      throw os_error("setting " + quoted(name));
    }
  }
  const std::array<timespec, 2> times{timespec{0, UTIME_OMIT},
                                      timespec{metadata.mtime_seconds, static_cast<long>(metadata.mtime_nanoseconds)}};
  if (::futimens(file.get(), times.data()) < 0) throw os_error("setting its time");
}

class EtcWriter {
 public:
  EtcWriter(const EtcMerge& merge, const Fd& here, const ObjectStore& store)
      : merge_(merge), here_(here), store_(store) {}

  void fill(const Fd& directory, NodeId id, std::size_t depth) {
    if (depth > max_depth) throw Error(Fault::malformed, "too many directories inside one another");
    const Node& node = merge_.tree[id];
    for (const auto& [name, child] : node.directory()->children) {
      during(quoted(name), [&, &entry = name, below = child] { write(directory, entry, below, depth); });
    }
    set_metadata(directory, node.metadata);  // last: writing changes its time
  }

 private:
  void write(const Fd& directory, const std::string& name, NodeId id, std::size_t depth) {
    const Node& node = merge_.tree[id];
    if (node.directory() != nullptr) {
      if (::mkdirat(directory.get(), name.c_str(), 0700) < 0) throw os_error("creating");
      fill(open_beneath(directory, name, O_RDONLY | O_DIRECTORY), id, depth + 1);
    } else if (const RegularFile* const file = node.regular()) {
      Fd made(::openat(directory.get(), name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
      if (!made) throw os_error("creating");
      write_all(made, content_of(id, *file));
      set_metadata(made, node.metadata);
    } else {
      write_special(directory, name, node);
    }
  }

  void write_special(const Fd& directory, const std::string& name, const Node& node) {
    const Metadata& metadata = node.metadata;
    if (const Symlink* const symlink = node.symlink()) {
      if (::symlinkat(symlink->target.c_str(), directory.get(), name.c_str()) < 0) throw os_error("creating");
    } else {
      mode_t type = S_IFIFO;
      dev_t device = 0;
      if (const auto* const special = std::get_if<DeviceNode>(&node.content)) {
        type = special->block ? S_IFBLK : S_IFCHR;
        device = device_number(special->rdev);
      }
      const mode_t mode = type | static_cast<mode_t>(metadata.permissions);
      if (::mknodat(directory.get(), name.c_str(), mode, device) < 0) throw os_error("creating");
    }
    const bool owned = ::geteuid() != 0 ||
                       ::fchownat(directory.get(), name.c_str(), metadata.uid, metadata.gid, AT_SYMLINK_NOFOLLOW) == 0;
    if (!owned) throw os_error("chown");
  }

  Bytes content_of(NodeId id, const RegularFile& file) const {
    const auto local = merge_.local_files.find(id);
    if (local == merge_.local_files.end()) {
      return file.digest ? store_.read(*file.digest) : Bytes(file.inline_content.begin(), file.inline_content.end());
    }
    const Fd opened = open_beneath(here_, local->second, O_RDONLY | O_NONBLOCK);
    Bytes bytes = read_all(opened, file.size);
    const bool same = file.digest ? measure_bytes(file.digest->algorithm(), bytes) == *file.digest
                                  : as_text(bytes) == file.inline_content;
    if (!same) throw Error(Fault::os, "changed since it was read; try again");
    return bytes;
  }

  const EtcMerge& merge_;
  const Fd& here_;
  const ObjectStore& store_;
};

}  // namespace

void write_etc(const Fd& target, const EtcMerge& merge, const Fd& here, const ObjectStore& store) {
  during("merged /etc", [&] { EtcWriter(merge, here, store).fill(target, root_node, 0); });
}

}  // namespace sealroot
