// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// How much an image from outside may make us do. Each limit is far above what real images have and far below what
// hurts; the messages name the limit that was hit.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sealroot {

/// Largest index, manifest or config of an OCI image, as registries limit them too.
inline constexpr std::uint64_t max_json_size = 4U << 20;
inline constexpr std::size_t max_layer_count = 127;
inline constexpr unsigned max_index_depth = 4;

inline constexpr std::uint64_t max_entry_count = 1'000'000;  // of all layers together, unless --max-entries says more
/// Names, link targets and xattrs, which are kept in memory, of all entries together: this for each allowed entry.
inline constexpr std::uint64_t mean_metadata_size = 128;
inline constexpr std::size_t max_entry_name_size = 255;     // NAME_MAX
inline constexpr std::size_t max_entry_path_size = 4096;    // PATH_MAX; bounds the depth too
inline constexpr std::size_t max_entry_link_size = 4095;    // what symlink(2) takes
inline constexpr std::size_t max_xattr_name_size = 255;     // XATTR_NAME_MAX
inline constexpr std::size_t max_xattr_value_size = 65536;  // XATTR_SIZE_MAX

/// PAX records and long names of one entry.
inline constexpr std::uint64_t max_extension_size = 1U << 20;

/// Sum of the sizes of all files, as their entries declare them.
inline constexpr std::uint64_t max_total_size = std::uint64_t{256} << 30;
/// Sum of the holes of sparse files: they cost nothing in the archive, but are hashed and stored as zeros.
inline constexpr std::uint64_t max_hole_size = std::uint64_t{4} << 30;

/// A compressed stream may always give this much; beyond it, at most `max_expansion` bytes for each byte that went in.
inline constexpr std::uint64_t free_expansion_size = std::uint64_t{1} << 30;
inline constexpr std::uint64_t max_expansion = 200;
/// Window of a zstd frame (`zstd --ultra --long=27`) and memory for xz.
inline constexpr int max_zstd_window_log = 27;
inline constexpr std::uint64_t max_xz_memory = std::uint64_t{160} << 20;

}  // namespace sealroot
