// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Images and their files as they are named on a command line.
#pragma once

#include <optional>
#include <string>

#include "builder/image/read_image.hpp"
#include "store/repository.hpp"

namespace sealroot {

/// The repository (or flat store) that objects and images are looked up in; nullopt if `store` is empty.
std::optional<Repository> open_store_to_read(const std::string& store);

/// The digest or ref that `name` is in the repository; nullopt if it is none, or a path (with `./` or `/` in front).
std::optional<Digest> named_image(const std::string& name, const Repository& repository);

struct ImageBytes {
  Bytes bytes;
  std::optional<Digest> digest;  // that it was found by; the bytes were measured and have it
};

/// The bytes of the image `name`: with a repository at hand a digest or a ref in it, else, or if there is no such name,
/// a file. A path with `./` or `/` in front is always a file.
///   throws   Error: no such file or object, not the bytes that the digest says
ImageBytes read_named_bytes(const std::string& name, const std::optional<Repository>& repository);

struct NamedImage {
  std::optional<Repository> repository;  // with the objects of the image, if one was named
  ReadImage content;
};

/// Reads the image `name`; `store` names the repository, or is empty.
///   throws   Error naming `name`: as read_named_bytes(), or no image
NamedImage open_image(const std::string& name, const std::string& store);

/// The file at `path`, which must be a regular file. Links are not followed.
const Node& find_file(const Tree& tree, const std::string& path);

/// The content of the file at `path`, from the image or measured from its repository.
std::string read_image_file(const NamedImage& image, const std::string& path);

}  // namespace sealroot
