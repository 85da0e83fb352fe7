// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// An OCI layout written into a folder of our own, and the tar of such a folder. Source: OCI image specification 1.1,
// image-layout.md.
#pragma once

#include <string>

#include "builder/container/blob_target.hpp"
#include "store/core/fd.hpp"

namespace sealroot {

class LayoutWriter final : public BlobTarget {
 public:
  /// `directory` is empty, or holds what another writer has left in it. `tag` empty: the image gets no name.
  LayoutWriter(const Fd& directory, std::string tag);

  bool contains(const Descriptor& descriptor) override;
  void put(const Descriptor& descriptor, ByteStream& blob) override;
  void put_manifest(const Descriptor& descriptor, ByteView document) override;

  /// The layout as it is, for reading; must not outlive the folder.
  std::unique_ptr<Layout> open() const;

 private:
  const Fd& directory_;
  std::string tag_;
};

/// Writes the layout in `directory` to `file` as a tar: the same files give the same bytes.
void write_layout_archive(const Fd& directory, const Fd& file);

}  // namespace sealroot
