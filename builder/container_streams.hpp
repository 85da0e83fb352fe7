// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// A container image in the repository as `cfsctl oci pull` leaves it, so that cfsctl knows it by its tag:
//
//   streams/refs/oci/TAG -> oci-manifest-DIGEST -> oci-config-DIGEST -> oci-layer-DIFF_ID ..., EROFS images
#pragma once

#include <functional>
#include <string>

#include "builder/layer/blob_digest.hpp"
#include "builder/source/source.hpp"
#include "store/repository.hpp"
#include "store/splitstream_writer.hpp"

namespace sealroot {

/// For SourceOptions::record_layer: layers that `repository`, which must outlive it, has no stream of yet.
std::function<bool(const BlobDigest& diff_id)> layers_missing_in(const Repository& repository);

/// Stores and names the splitstreams of `source`, which has them recorded, and tags the image. Streams that are there
/// already are kept where they say as much, `images` included.
///   images   composefs-rs's names for EROFS images of this container image, such as `composefs.image.boot.v1`
///   tag      any text but the empty one, such as `debian:13`
///   ensures  all is durable before the tag appears
void add_container_streams(const Repository& repository, const SourceResult& source, const NamedRefs& images,
                           const std::string& tag);

}  // namespace sealroot
