// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/boot/tree_files.hpp"

#include "store/core/error.hpp"

namespace sealroot {

std::optional<NodeId> TreeFiles::try_resolve(std::string_view path) const {
  constexpr int max_links = 40;  // as the kernel's MAXSYMLINKS
  std::vector<NodeId> trail{root_node};
  std::string rest(path);
  for (int links = 0; !rest.empty();) {
    const std::size_t slash = rest.find('/');
    const std::string name = rest.substr(0, slash);
    rest = slash == std::string::npos ? std::string{} : rest.substr(slash + 1);
    if (name.empty() || name == ".") continue;
    if (name == "..") {
      if (trail.size() > 1) trail.pop_back();
      continue;
    }
    const Directory* directory = tree_[trail.back()].directory();
    if (directory == nullptr) return std::nullopt;
    const auto child = directory->children.find(name);
    if (child == directory->children.end()) return std::nullopt;
    if (const Symlink* link = tree_[child->second].symlink()) {
      if (++links > max_links) return std::nullopt;
      if (link->target.starts_with("/")) trail.resize(1);
      rest = std::string(link->target) + "/" + rest;
      continue;
    }
    trail.push_back(child->second);
  }
  return trail.back();
}

std::optional<Bytes> TreeFiles::try_read(std::string_view path, std::uint64_t limit_bytes) const {
  const auto id = try_resolve(path);
  if (!id) return std::nullopt;
  const RegularFile* file = tree_[*id].regular();
  if (file == nullptr) return std::nullopt;
  if (file->size > limit_bytes) {
    throw Error(Fault::malformed,
                quoted(path) + " in the image: larger than the limit of " + std::to_string(limit_bytes) + " bytes");
  }
  if (!file->digest) return Bytes(file->inline_content.begin(), file->inline_content.end());
  return during(quoted(path) + " in the image", [&] { return store_.read(*file->digest); });
}

std::vector<std::string> TreeFiles::list(std::string_view path) const {
  std::vector<std::string> names;
  const auto id = try_resolve(path);
  if (!id || tree_[*id].directory() == nullptr) return names;
  for (const auto& [name, node] : tree_[*id].directory()->children) names.emplace_back(name);
  return names;
}

}  // namespace sealroot
