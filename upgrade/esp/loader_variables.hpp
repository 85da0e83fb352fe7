// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// What firmware and systemd-boot tell the running system in EFI variables. They are read only: which entry boots is
// decided by names on the ESP, which also works where the firmware keeps no variables.
// Source: https://systemd.io/BOOT_LOADER_INTERFACE/
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "store/core/fd.hpp"

namespace sealroot {

enum class SecureBoot : std::uint8_t { on, off, unknown };
/// `on`, `off`, `unknown`.
std::string_view secure_boot_name(SecureBoot state);

struct LoaderVariables {
  SecureBoot secure_boot = SecureBoot::unknown;  // without efivarfs
  std::optional<std::string> entry_selected{};   // file name of the entry that was booted
  std::optional<std::string> entry_default{};    // pattern, set by `bootctl set-default`
  std::optional<std::string> partition{};        // GPT UUID, in lower case, of the ESP that was booted from
};

/// `efivars`: where efivarfs is mounted. Variables that are missing or malformed stay empty.
LoaderVariables read_loader_variables(const Fd& efivars);

}  // namespace sealroot
