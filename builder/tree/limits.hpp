// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// What a tree can hold so that all composefs tools can make an image of it. Sources: limits.h of Linux, and
// LCFS_INLINE_CONTENT_MAX and LCFS_INODE_EXTERNAL_XATTR_MAX of mkcomposefs
#pragma once

#include <cstddef>

namespace sealroot {

inline constexpr std::size_t max_name_size = 255;                   // of a file and of an xattr
inline constexpr std::size_t max_path_size = 4095;                  // target of a link, payload
inline constexpr std::size_t max_line_size = std::size_t{1} << 20;  // of a dumpfile; all of the below fits twice
inline constexpr std::size_t max_content_size = 5000;               // of a file that stands in the image

/// Half of what an inode has room for; the rest is for what overlayfs needs.
inline constexpr std::size_t max_xattrs_size = 32767;
/// How xattrs count towards it: once, and each with its name and value (at worst: padding included).
inline constexpr std::size_t xattrs_overhead = 12;
inline constexpr std::size_t xattr_overhead = 7;

}  // namespace sealroot
