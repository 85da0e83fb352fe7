// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Images and their files as they are named on a command line.
#pragma once

#include <optional>
#include <string>

#include "builder/image/read_image.hpp"
#include "store/repository.hpp"

namespace sealroot {

struct NamedImage {
  std::optional<Repository> repository;  // with the objects of the image, if one was named
  ReadImage content;
};

/// Reads the image `name`: a file, or if `store` names a repository a digest in it, whose bytes are measured.
///   throws   Error naming `name`: no such file or object, not the bytes that the digest says, no image
NamedImage open_image(const std::string& name, const std::string& store);

/// The content of the file at `path`, from the image or measured from its repository. Links are not followed.
std::string read_image_file(const NamedImage& image, const std::string& path);

}  // namespace sealroot
