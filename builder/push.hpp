// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// `sealroot push`: a container image from one place to another, byte for byte.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "builder/container/blob_target.hpp"
#include "builder/registry/options.hpp"

namespace sealroot {

struct PushOptions {
  std::string source;        // docker://, oci: or oci-archive:
  std::string destination;   // docker://, oci: or oci-archive:
  std::string architecture;  // of an index; empty: this host's
  /// Its `creds` are for the destination, unless only the source is in a registry; for the source too where both are
  /// in the same one.
  RegistryOptions registry{};
  std::optional<std::string> source_creds{};  // USER[:PASSWORD]
};

struct PushResult {
  Descriptor manifest;
  std::string name;              // by which it can be had there: `HOST/REPOSITORY@DIGEST`, or the destination
  std::uint64_t size_bytes = 0;  // of all blobs
  std::uint64_t sent_bytes = 0;  // of those that were not there
};

/// Copies what is not there yet, the manifest last.
///   throws   Error{usage}: a source or destination of another kind
///   ensures  the destination names a whole image, or what it named before
PushResult push_container(const PushOptions& options, const CopyProgress& progress);

}  // namespace sealroot
