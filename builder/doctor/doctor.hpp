// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// `sealroot doctor`: would it boot, and stay sealed? Each check says what it saw and, unless all is well, what to do.
// It looks only; what it can't see it says so, as a warning.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "builder/inspect/pe_facts.hpp"
#include "store/core/fd.hpp"

namespace sealroot {

enum class CheckStatus : std::uint8_t { ok, warn, fail };

/// `ok`, `warn`, `fail`.
std::string_view check_status_name(CheckStatus status);

struct Check {
  CheckStatus status = CheckStatus::ok;
  std::string name;    // "kernel", "ESP", "command line", ...
  std::string found;   // what was seen
  std::string advice;  // what to do; empty if all is well
};

using Checks = std::vector<Check>;

/// The running host; `root` is where its root directory is open (`/`).
Checks check_host(const Fd& root);

/// A disk image, before its first boot.
Checks check_disk(const Fd& disk);

/// The output folder of a build: UKI, repository and disk.raw, if there is one.
Checks check_build(const Fd& folder);

/// Options of a kernel's configuration (the text of config-VERSION) that a sealed boot needs.
Checks check_kernel_config(std::string_view config);

/// A UKI's initramfs, wiring and command line. `label` begins each name.
Checks check_uki(const PeFacts& facts, const std::string& label);

}  // namespace sealroot
