// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// A container image as `docker save`, `podman save` and skopeo's docker-archive: write it: manifest.json names the
// config and the layers, which most often are plain tars, by their paths. It is read as the OCI image that has the
// same config and the same layers; that one's manifest is made here.
//
//   manifest.json: [{"Config": PATH, "RepoTags": [NAME, ...], "Layers": [PATH, ...]}, ...]
#pragma once

#include <string>

#include "builder/source/blob_source.hpp"

namespace sealroot {

/// The image `name` (`busybox`, `docker.io/library/busybox:latest`, ...) of the archive; empty: the only one there is.
///   throws   Error{missing} listing the names there are; Error{malformed}: config and layers don't fit together
OpenContainer open_docker_archive(const std::string& path, const std::string& name);

}  // namespace sealroot
