// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// `sealroot install`: a sealed container image in, a disk out that boots it. Nothing is signed here: UKI and boot
// loader are those that came with the image, checked with the certificate.
//
//   source -> objects, UKI, boot loader -> checks -> disk image, sealed offline -> proven -> file, or block device
//
// fs-verity is set in the file system image (builder/disk), so a device needs no kernel that can do it, and no mount.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "builder/disk/disk.hpp"
#include "builder/doctor/doctor.hpp"
#include "upgrade/stage/candidate.hpp"

namespace sealroot {

struct InstallOptions {
  Origin origin{};
  std::string certificate{};
  std::string image{};                       // file to make; or
  std::string device{};                      // block device to overwrite
  std::optional<std::string> boot_loader{};  // file; else see InstallResult::boot_loader
  std::string workshop{};  // folder for temporary files; empty: that of `image`, or TMPDIR, or /var/tmp
  Algorithm algorithm = Algorithm::sha512;
  std::uint64_t size_bytes = 0;  // of the image; 0: what is needed. A device is filled.
  bool wipe = false;             // overwrite a device that holds something
  bool check_only = false;
  ReadOptions read{};
};

struct InstallResult {
  Digest image;
  std::string image_id{};
  std::string version{};
  std::string boot_loader{};  // where it came from: the image's systemd-bootARCH.efi.signed, or systemd-bootARCH.efi
  bool pinned = false;        // the image pins the certificate: upgrades need no --cert
  Checks checks{};            // doctor's, of the UKI
  std::optional<DiskLayout> layout{};  // nullopt: only checked
};

/// Makes the disk; a file appears complete or not at all, a device holds rubbish until all is done.
///   throws  Error: see read_candidate() and write_disk(); Error{untrusted}: the boot loader is not signed by the
///           certificate, or the disk that was made is not proven by verify_disk(); Error{usage}: the file is there,
///           the device is in use or holds something
InstallResult install(const InstallOptions& options, const StageProgress& progress);

}  // namespace sealroot
