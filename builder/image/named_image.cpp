// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/image/named_image.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/core/fd.hpp"

namespace sealroot {
namespace {

/// With a repository at hand a digest means an object, without one a file may have such a name.
Bytes image_bytes(const std::string& name, const std::optional<Repository>& repository) {
  const std::optional<Digest> digest = Digest::try_parse(name);
  if (!digest) return read_file(working_directory(), name);
  if (repository) return repository->objects().read(*digest);
  if (::access(name.c_str(), F_OK) == 0) return read_file(working_directory(), name);
  throw Error(Fault::usage, "a digest needs --store with the repository that has it");
}

}  // namespace

NamedImage open_image(const std::string& name, const std::string& store) {
  NamedImage image;
  if (!store.empty()) image.repository.emplace(Repository::open(working_directory(), store));
  image.content = during(quoted(name), [&] { return read_image(image_bytes(name, image.repository)); });
  return image;
}

std::string read_image_file(const NamedImage& image, const std::string& path) {
  return during(quoted(path), [&]() -> std::string {
    const Tree& tree = image.content.tree;
    const std::optional<NodeId> id = find(tree, path);
    if (!id) throw Error(Fault::missing, "not in the image");
    if (const Symlink* link = tree[*id].symlink()) {
      throw Error(Fault::malformed, "is a symbolic link to " + quoted(link->target));
    }
    const RegularFile* file = tree[*id].regular();
    if (file == nullptr) throw Error(Fault::malformed, "is no regular file");
    if (!file->inline_content.empty() || file->size == 0) return file->inline_content;
    if (!file->digest) throw Error(Fault::malformed, "the image has no digest of its content");
    if (!image.repository) {
      throw Error(Fault::usage, "content is object " + to_hex(*file->digest) + "; name its repository with --store");
    }
    return std::string(as_text(image.repository->objects().read(*file->digest)));
  });
}

}  // namespace sealroot
