// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Whether an image and all that it names can be had from an object store, byte for byte.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "builder/tree/tree.hpp"
#include "store/object_store.hpp"

namespace sealroot {

struct VerifyRequirements {
  bool sealed = false;   // image and objects must have fs-verity, as a mount with verity=require wants
  unsigned threads = 0;  // 0: one a CPU
};

struct Finding {
  std::string path;  // in the image; empty: the image itself
  std::string reason;
  std::optional<Digest> object{};  // that is damaged or missing
};

struct VerifyReport {
  std::uint64_t file_count = 0;  // that have their content in an object
  std::uint64_t object_count = 0;
  std::uint64_t object_bytes = 0;
  std::uint64_t sealed_count = 0;
  std::vector<Finding> findings;  // in the order of a walk, every broken path

  bool intact() const { return findings.empty(); }
};

/// Checks the image `digest`, an object of the store, then verify_contents().
///   throws   only what is no defect of the image: Error{os}, out of memory
VerifyReport verify_image(const ObjectStore& objects, const Digest& digest, const VerifyRequirements& requirements);

/// Checks that the object of each file of `tree` is there, has the size that the tree says, and the right bytes.
VerifyReport verify_contents(const ObjectStore& objects, const Tree& tree, const VerifyRequirements& requirements);

}  // namespace sealroot
