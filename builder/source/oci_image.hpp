// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// From the index of an OCI layout down to the layers: which image is meant, and its tree.
//
//   index.json -> (index of platforms ->) manifest -> config + layers -> tree
#pragma once

#include <string>

#include "builder/source/blob_source.hpp"
#include "builder/source/source.hpp"

namespace sealroot {

struct ChosenManifest {
  Descriptor descriptor;
  Manifest manifest;
  Bytes document;  // the manifest as it was served
};

/// The manifest of `tag` (empty: the layout must hold one image only) for linux on `architecture`.
///   throws   Error{missing} listing the tags or platforms there are
ChosenManifest choose_manifest(const BlobSource& blobs, const std::string& tag, const std::string& architecture);

/// Reads all layers in order, each checked against blob digest and diff ID.
SourceResult read_oci_image(const BlobSource& blobs, const std::string& tag, const SourceOptions& options,
                            Ingest& ingest);

}  // namespace sealroot
