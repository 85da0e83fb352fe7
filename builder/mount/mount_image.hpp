// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Mounts an image with the objects of a repository, as the initramfs does it at boot: the digest of the open image file
// is measured, then that very file is mounted.
//
//   image file -> fs-verity measure -> erofs (file or loop device) -> owners mapped -> lower layer --.
//                                                                     objects       -> data layer  --+-> overlay
//                                                                     upperdir, workdir ------------'
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "builder/mount/id_map.hpp"
#include "store/core/digest.hpp"

namespace sealroot {

struct MountOptions {
  std::string image;  // file, or digest or ref in the repository
  std::string repository;
  std::string mountpoint;
  std::optional<Digest> digest;  // that the image must have; of one named by digest or ref that one
  bool verity = true;            // image (if a digest is expected) and objects must have fs-verity
  std::string upper_directory;   // changes go there; empty: read only
  std::string work_directory;    // on the same file system as the upper directory
  std::vector<IdRange> users;    // empty: owners as they are
};

enum class Measured : std::uint8_t { by_kernel, in_user_space, not_at_all };

struct MountResult {
  std::optional<Digest> digest;  // that was measured
  Measured measured = Measured::not_at_all;
  bool loop_device = false;
};

/// Error{usage} for options that contradict each other.
void check_mount_options(const MountOptions& options);

/// Mounts; the mount stays when the program ends and is taken away by umount(8).
///   throws   Error{untrusted}: image with another digest, or without fs-verity though it is needed;
///            Error{os}: no privilege, or a kernel without what is needed, with the kernel's own words
MountResult mount_image(const MountOptions& options);

}  // namespace sealroot
