// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/image/named_image.hpp"

#include <unistd.h>

#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/core/fd.hpp"
#include "store/names.hpp"

namespace sealroot {

std::optional<Repository> open_store_to_read(const std::string& store) {
  if (store.empty()) return std::nullopt;
  return Repository::open_to_read(working_directory(), store);
}

std::optional<Digest> named_image(const std::string& name, const Repository& repository) {
  const bool is_path = name.starts_with('/') || name.starts_with("./") || name.starts_with("../");
  return is_path ? std::nullopt : find_image(repository, name);
}

ImageBytes read_named_bytes(const std::string& name, const std::optional<Repository>& repository) {
  if (repository) {
    const std::optional<Digest> digest = named_image(name, *repository);
    if (digest) return {repository->objects().read(*digest), digest};
  }
  if (!repository && try_parse_digest(name) && ::access(name.c_str(), F_OK) != 0) {
    throw Error(Fault::usage, "a digest needs --repo with the repository that has it");
  }
  return {read_file(working_directory(), name), std::nullopt};
}

NamedImage open_image(const std::string& name, const std::string& store) {
  NamedImage image{open_store_to_read(store), {}};
  image.content = during(quoted(name), [&] { return read_image(read_named_bytes(name, image.repository).bytes); });
  return image;
}

const Node& find_file(const Tree& tree, const std::string& path) {
  const std::optional<NodeId> id = find(tree, path);
  if (!id) throw Error(Fault::missing, "not in the image");
  if (const Symlink* link = tree[*id].symlink()) {
    throw Error(Fault::malformed, "is a symbolic link to " + quoted(link->target));
  }
  if (tree[*id].regular() == nullptr) throw Error(Fault::malformed, "is no regular file");
  return tree[*id];
}

std::string read_image_file(const NamedImage& image, const std::string& path) {
  return during(quoted(path), [&]() -> std::string {
    const RegularFile* const file = find_file(image.content.tree, path).regular();
    if (!file->inline_content.empty() || file->size == 0) return std::string(file->inline_content);
    if (!file->digest) throw Error(Fault::malformed, "the image has no digest of its content");
    if (!image.repository) {
      throw Error(Fault::usage, "content is object " + to_hex(*file->digest) + "; name its repository with --repo");
    }
    return std::string(as_text(image.repository->objects().read(*file->digest)));
  });
}

}  // namespace sealroot
