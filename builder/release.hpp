// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// What a build is called: IMAGE_ID and IMAGE_VERSION name its boot entry and sort it among others, so two builds must
// not tie. All of it comes from the options and the source, nothing from the clock.
#pragma once

#include <cstdint>
#include <string>

#include "builder/boot/tree_files.hpp"
#include "builder/build.hpp"
#include "builder/source/source.hpp"
#include "builder/uki/template.hpp"

namespace sealroot {

struct Release {
  std::string image_id;
  std::string image_version;
  std::string text;            // os-release for the UKI
  std::int64_t timestamp = 0;  // seconds: for formats that want a time
};

/// IMAGE_ID: the option, else os-release's IMAGE_ID, else its ID. IMAGE_VERSION: the option, else the label
/// org.opencontainers.image.version, else os-release's IMAGE_VERSION, else the timestamp as YYYYMMDDhhmmss.
///   timestamp  SOURCE_DATE_EPOCH, else when the container image was created, else the newest mtime in the tree
///   throws     Error{usage}: a name that can't be part of a boot entry; Error{malformed}: os-release or the epoch
Release make_release(const BuildOptions& options, const UkiTemplate& uki, const SourceResult& source,
                     const TreeFiles& files);

/// Seconds since 1970 of an RFC 3339 time such as `2026-01-02T03:04:05.6Z` or `...+02:00`; nullopt if it is none.
std::optional<std::int64_t> try_parse_rfc3339(const std::string& text);

}  // namespace sealroot
