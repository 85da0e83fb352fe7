// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/source/directory_tree.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <optional>

#include "builder/source/directory.hpp"
#include "builder/tree/apply.hpp"
#include "store/core/error.hpp"
#include "store/object_store.hpp"

namespace sealroot {
namespace {

constexpr DirectoryRules as_mkcomposefs{.hard_links = false, .one_file_system = false, .refuse_whiteouts = false};

ObjectStore open_objects(const std::string& path) {
  std::filesystem::create_directories(path);
  return {open_at(working_directory(), path, O_RDONLY | O_DIRECTORY), Algorithm::sha256};
}

void drop_devices(Tree& tree) {
  for (Node& node : tree.nodes) {
    if (node.directory() == nullptr) continue;
    node.directory()->children.erase_if(
        [&](const auto& child) { return std::holds_alternative<DeviceNode>(tree[child.second].content); });
  }
}

void trim_metadata(Metadata& metadata, const DirectoryTreeOptions& options) {
  if (!options.xattrs) metadata.xattrs = {};
  if (options.only_user_xattrs) {
    metadata.xattrs.erase_if([](const auto& xattr) { return !xattr.first.starts_with("user."); });
  }
  if (options.epoch) metadata.mtime_seconds = metadata.mtime_nanoseconds = 0;
}

}  // namespace

Tree read_directory_tree(const std::string& path, const DirectoryTreeOptions& options) {
  if (!options.xattrs && options.only_user_xattrs) {
    throw Error(Fault::malformed, "no xattrs and only those of users contradict each other");
  }
  std::optional<ObjectStore> objects;
  if (!options.objects.empty()) objects.emplace(open_objects(options.objects));
  Ingest ingest(objects ? &*objects : nullptr, Algorithm::sha256, options.threads);
  MergedTree merged;
  read_directory(path, merged, ingest, {}, as_mkcomposefs);
  Tree tree = std::move(merged).finish(ingest.finish());
  if (!options.devices) drop_devices(tree);
  for (Node& node : tree.nodes) trim_metadata(node.metadata, options);
  if (objects && ::syncfs(objects->directory().get()) < 0) throw os_error("writing objects to disk");
  return tree;
}

}  // namespace sealroot
