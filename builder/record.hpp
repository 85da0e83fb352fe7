// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// build.json: every digest, size, input digest, option and version of a build, enough to build it again and to see what
// is different if it comes out different (docs/build-json.md). Nothing of the host stands in it: no time, no path of
// the builder.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "builder/boot/boot_parts.hpp"
#include "builder/build.hpp"
#include "builder/container/sealed_container.hpp"
#include "builder/disk/disk.hpp"
#include "builder/profile.hpp"
#include "builder/release.hpp"
#include "builder/source/source.hpp"
#include "builder/uki/assemble.hpp"
#include "store/core/digest.hpp"
#include "store/core/fd.hpp"
#include "store/object_store.hpp"

namespace sealroot {

class BuildRecord {
 public:
  BuildRecord(const BuildOptions& options, const SourceInfo& source, const Release& release, const FoundKernel& kernel);

  /// A file of the build host that is part of the output. `name`: the option (`--initrd`) or profile key that named it.
  void add_input(const std::string& name, ByteView content);

  /// `policy`: the SELinux policy whose labels the image has.
  void add_image(const Digest& image, std::uint64_t size_bytes, const std::optional<std::string>& policy);

  /// Writes the file objects.txt into `output`: a line with digest and size for each object.
  void add_objects(const Fd& output, const ObjectStore& store, const std::vector<Digest>& objects);

  void add_uki(const std::string& name, const Bytes& uki, const UkiParts& parts, const FoundKernel& kernel,
               const BootFile& stub, const Profile& profile);
  /// Reads the whole disk.
  void add_disk(const std::string& name, const Fd& file, const DiskLayout& layout, const BootFile& boot_loader);

  /// Container images only: the tag of their streams in the repository, or why there are none.
  void add_container(const std::string& tag) { json_["container"] = {{"tag", tag}}; }
  void add_unrecorded_container(const std::string& reason) { json_["container"] = {{"unrecorded", reason}}; }

  /// With --oci-out only.
  void add_sealed_container(const SealedContainer& sealed);

  const nlohmann::ordered_json& json() const { return json_; }

 private:
  nlohmann::ordered_json json_;
};

}  // namespace sealroot
