// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// What the images of a repository take up, together and each alone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "store/repository.hpp"

namespace sealroot {

struct ObjectUsage {
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;   // as long as the files are
  std::uint64_t stored = 0;  // bytes of the blocks that the file system says they have

  ObjectUsage& operator+=(const ObjectUsage& other);
};

struct ImageUsage {
  Digest image;
  std::vector<std::string> refs;  // names below images/refs
  ObjectUsage total;              // the image itself and all objects that it needs
  ObjectUsage unique;             // of these what no other image of the repository needs
  ObjectUsage shared;             // the rest
  std::uint64_t missing = 0;      // objects that it needs and that are not there
};

struct RepositoryUsage {
  std::vector<ImageUsage> images;  // ascending by digest
  ObjectUsage total;               // all objects
  ObjectUsage in_images;           // those that some image needs, each once
  ObjectUsage in_no_image;         // the rest: of streams, or garbage
};

/// Looks at every object and every image of the repository.
///   throws   Error: a name, image or directory that can't be read
RepositoryUsage measure_usage(const Repository& repository);

}  // namespace sealroot
