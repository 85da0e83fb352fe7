// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// A container image, wherever its blobs are, turned into a tree.
//
//   manifest -> config + layers -> tree
#pragma once

#include "builder/source/blob_source.hpp"
#include "builder/source/source.hpp"

namespace sealroot {

/// Reads all layers in order, each checked against blob digest and diff ID.
SourceResult read_oci_image(const BlobSource& blobs, ChosenManifest chosen, const SourceOptions& options,
                            Ingest& ingest);

}  // namespace sealroot
