// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The blobs of a container image in a registry, or in one of its mirrors: docker://HOST/REPOSITORY:TAG@DIGEST.
#pragma once

#include <string>

#include "builder/registry/options.hpp"
#include "builder/source/blob_source.hpp"

namespace sealroot {

/// The first place of those that registries.conf names that has the manifest of `reference`; it is then taken from
/// there alone. Blobs that are expected are fetched side by side, and nothing of them is stored.
///   reference  what follows `docker:`, with the two slashes
///   throws     Error, as the last place gives it
OpenContainer open_registry_image(const std::string& reference, const RegistryOptions& options);

/// Error{usage} unless `reference` is one.
void check_registry_name(const std::string& reference);

}  // namespace sealroot
