// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// A small sealed disk: systemd's stub with a made-up kernel, a minimal initramfs, an image of a few objects, all
// signed.
#pragma once

#include <string>

#include "builder/initramfs/sealed_config.hpp"
#include "builder/uki/assemble.hpp"
#include "builder/verify/verify_disk.hpp"
#include "tests/unit/disk/fixture.hpp"

namespace sealroot {

class SealedDisk {
 public:
  /// Makes repository, keys (db.*, other.*) and the parts of the UKI.
  SealedDisk();

  /// Writes the disk `name` with one signed UKI and systemd-boot.
  void write(const std::string& name);

  Fixture fixture{Algorithm::sha256};
  SealedConfig config;
  UkiParts parts;                // initrd is added by uki()
  std::vector<EspFile> extra{};  // put on the ESP besides
  DiskLayout layout{};
  Digest image;

  Bytes uki() const;  // unsigned
  Bytes signed_by(const std::string& name, const Bytes& file) const;
  Certificate certificate(const std::string& name = "db") const;
  DiskProof proof(const std::string& disk) const;
  Fd open(const std::string& disk) const { return open_at(fixture.scratch.directory(), disk, O_RDWR); }

 private:
  Bytes signed_uki_;
  Bytes boot_loader_;
};

/// All findings in one text, one a line.
std::string text_of(const DiskProof& proof);

}  // namespace sealroot
