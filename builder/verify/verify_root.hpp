// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The root partition's part of the proof: images and objects, each with the fs-verity metadata a kernel will find.
#pragma once

#include <set>

#include "builder/disk/ext4_reader.hpp"
#include "builder/verify/verify_disk.hpp"

namespace sealroot {

class RootVerifier {
 public:
  /// All must outlive this.
  RootVerifier(const ext4::Reader& reader, DiskProof& proof, const VerifyProgress& progress)
      : reader_(reader), proof_(proof), progress_(progress) {}

  /// The image and all it refers to. What was seen for another image is not read again.
  void verify_image(const Digest& image);

  /// Adds what the state of this deployment holds to DiskProof::uncovered.
  void list_state(const Digest& image, const std::string& etc, const std::string& var);

 private:
  Bytes verify_object(const Digest& digest, bool keep_content);
  void check_metadata(const ext4::FoundInode& inode, ByteView tree, ByteView descriptor);
  std::uint64_t count_files(const std::string& path) const;
  void find(const std::string& where, const std::string& what) { proof_.findings.push_back({where, what}); }

  const ext4::Reader& reader_;
  DiskProof& proof_;
  const VerifyProgress& progress_;
  std::set<Digest> seen_;
  std::map<std::string, std::map<std::string, std::uint32_t>> directories_;  // of objects, by their two digits
};

}  // namespace sealroot
