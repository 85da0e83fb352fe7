// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Finds the root partition: by type, on the disk the firmware booted from.
#pragma once

#include <optional>

#include "initrd-pivot/failure.hpp"
#include "initrd-pivot/gpt.hpp"
#include "initrd-pivot/text.hpp"

namespace sealroot {

/// What the firmware and the stub told us through EFI variables.
struct Firmware {
  std::optional<Guid> boot_partition;  // LoaderDevicePartUUID: the partition the UKI was read from
  bool secure_boot = false;
};

/// Reads the EFI variables; on a machine without UEFI nothing is known and Secure Boot counts as off.
Firmware read_firmware(Kernel& kernel);

/// The device path of the root partition. Waits for devices up to ten seconds; refuses if there is a choice: what is
/// on a disk decides nothing that matters (the digest does), but the wrong disk could bring the wrong state.
Path find_root_partition(Boot& boot, const Firmware& firmware);

}  // namespace sealroot
