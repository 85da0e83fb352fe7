// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// A container image on its way into a registry: blobs that are there are left alone, large ones go in parts, so that a
// connection that breaks costs one part. Source: OCI distribution specification 1.1, "Push".
#pragma once

#include <string>

#include "builder/container/blob_target.hpp"
#include "builder/registry/client.hpp"
#include "store/core/fd.hpp"

namespace sealroot {

class RegistryTarget final : public BlobTarget {
 public:
  /// `endpoint` names the image by the tag or digest that it is to have.
  ///   mount_from  another repository of this registry that has the blobs; empty: none
  RegistryTarget(Endpoint endpoint, const RegistryOptions& options, std::string mount_from = "");

  /// Also true for a blob that the registry has taken over from `mount_from`.
  bool contains(const Descriptor& descriptor) override;
  void put(const Descriptor& descriptor, ByteStream& blob) override;
  /// Error{usage}: the image was named by another digest.
  void put_manifest(const Descriptor& descriptor, ByteView document) override;

 private:
  bool mount(const Descriptor& descriptor);
  std::string begin_upload();
  void put_at_once(const Descriptor& descriptor, ByteView bytes);
  void put_part(std::string& location, std::uint64_t offset, ByteView part);
  std::uint64_t bytes_there(std::string& location);

  std::string mount_from_;
  RegistryClient client_;
};

}  // namespace sealroot
