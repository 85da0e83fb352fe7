// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The layouts of the composefs family, by the numbers that meta.json gives them.
#pragma once

#include <cstdint>

namespace sealroot {

/// Layout of an EROFS image (formats.md section 4).
enum class ImageFormat : std::uint8_t {
  v0 = 0,      // mkcomposefs --max-version=0
  v1 = 1,      // mkcomposefs --min-version=1, composefs-rs' default
  v2 = 2,      // older composefs-rs
  lowest = 3,  // only to ask for: mkcomposefs without options, v0, or v1 if the tree has whiteouts
};

}  // namespace sealroot
