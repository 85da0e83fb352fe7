// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The new mount API of Linux (fsopen(2) and its kin, 5.2 and newer) with errors worth reading: the file system's own
// words if it has any. A mount that was not attached goes with its descriptor.
#pragma once

#include <optional>
#include <string>

#include "store/core/fd.hpp"

namespace sealroot {

/// A file system that is being configured.
class NewFileSystem {
 public:
  /// Error{os}: this kernel has no file system `type`, or there is no privilege to mount at all.
  explicit NewFileSystem(const std::string& type);

  void set(const std::string& key, const std::string& value);
  void set_flag(const std::string& key);
  /// For flags that a kernel which refuses them does not need.
  bool try_set_flag(const std::string& key);
  /// False if the source would have to be a block device.
  bool try_create();
  void create();
  /// A mount that is attached nowhere yet.
  Fd mount(bool read_only);

 private:
  [[noreturn]] void fail(const std::string& step, int error_number) const;

  std::string type_;
  Fd context_;
};

/// Places a mount on top of `place`.
void attach_mount(const Fd& mount, const Fd& place);

/// Takes an attached mount away, at once for whoever looks up names, later for those who have it open.
void detach_mount(const Fd& mount);

/// Shows the files of a mount that is attached nowhere with the owners that a user namespace maps theirs to.
void map_mount_ids(const Fd& mount, const Fd& user_namespace);

/// A read-only loop device of the file, which goes with its last user.
Fd attach_loop_device(const Fd& file);

/// `/proc/self/fd/N`: how an open file is named to the mount API.
std::string descriptor_path(const Fd& file);

}  // namespace sealroot
