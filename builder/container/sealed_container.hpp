// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// A sealed system as a container image: the one it was made of and one small layer with the signed UKI, so that any
// registry and tool can carry it.
//
//   source: config, layer 1 .. n        sealed: config', layer 1 .. n, layer n+1 = /boot/EFI/Linux/NAME.efi
//
// The form that boots leaves /boot empty, so both have the same image digest, which the UKI names.
#pragma once

#include <cstdint>
#include <string>

#include "builder/container/blob_target.hpp"
#include "builder/source/source.hpp"
#include "builder/tree/tree.hpp"
#include "store/core/digest.hpp"

namespace sealroot {

/// Where a UKI stands in a sealed container image.
inline constexpr const char* uki_folder = "boot/EFI/Linux";

/// The layer that adds the UKI to a system. /boot stays what it is, so that the image digest does; UKIs that lower
/// layers have in the same folder are hidden.
class UkiLayer {
 public:
  /// `tree` is the system's before make_boot_form() empties /boot.
  explicit UkiLayer(const Tree& tree);

  /// The tar; `mtime_seconds` is that of all that is new.
  std::string with(const std::string& uki_name, ByteView uki, std::int64_t mtime_seconds) const;

 private:
  Metadata boot_;
  bool hides_others_ = false;
};

/// What the layer is added to, and what becomes known of it.
struct SealedContainerParts {
  ByteView manifest;  // of the source image, as served
  ByteView config;
  std::string layer;  // UkiLayer
  Digest image;       // of the form that boots
  std::string version;
  std::int64_t timestamp = 0;  // of the history's new entry
};

struct SealedContainer {
  Descriptor manifest;
  Descriptor config;
  LayerInfo layer;
};

/// Puts layer, config and manifest beside the source's blobs, which are in `target` already.
///   ensures  an OCI manifest, also of an image with Docker's media types; the same input gives the same bytes
SealedContainer put_sealed_container(const SealedContainerParts& parts, BlobTarget& target);

}  // namespace sealroot
