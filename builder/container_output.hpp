// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The container image that a build makes beside its folder: a layout or an archive of one, which appears when all is
// done.
#pragma once

#include <memory>
#include <string>

#include "builder/container/layout_writer.hpp"
#include "builder/output.hpp"
#include "builder/source/source.hpp"

namespace sealroot {

class ContainerOutput {
 public:
  /// `name`: DIR, `oci:DIR[:TAG]` or `oci-archive:FILE[:TAG]`. Error{usage}: something else, or something is there.
  explicit ContainerOutput(const std::string& name);

  /// Copies config and layers of the image here, and returns where they are read from then on.
  std::unique_ptr<BlobSource> copy(const BlobSource& blobs, const ChosenManifest& chosen, const CopyProgress& progress);

  LayoutWriter& layout() { return layout_; }
  const ChosenManifest& source() const { return source_; }

  /// Gives layout or archive its name.
  void commit();

 private:
  explicit ContainerOutput(const SourceName& name);

  SourceName name_;
  OutputFolder folder_;  // of the layout; an archive is made in it
  LayoutWriter layout_;
  ChosenManifest source_;
};

}  // namespace sealroot
