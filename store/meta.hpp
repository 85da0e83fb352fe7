// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// meta.json of a repository: which digests name its objects, and what a program must know to read or change it.
// Shared with composefs-rs; the boot path never reads it.
#pragma once

#include <string>
#include <vector>

#include "store/core/bytes.hpp"
#include "store/core/digest.hpp"
#include "store/erofs/image_format.hpp"

namespace sealroot {

struct RepositoryMeta {
  Algorithm algorithm = Algorithm::sha512;
  ImageFormat image_format = ImageFormat::v1;             ///< of images that others add by default; ours are always V1
  std::vector<std::string> unknown_read_only_features{};  ///< not empty: the repository may be read, not changed
};

/// The bytes of meta.json for a new repository whose images are V1.
std::string new_meta_json(Algorithm algorithm);

/// Reads meta.json. Error{malformed} for anything it does not say clearly, a newer version or an unknown
/// incompatible feature.
RepositoryMeta parse_meta(ByteView json);

}  // namespace sealroot
