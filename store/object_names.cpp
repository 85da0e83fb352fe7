// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The names of objects, declared in names.hpp.
#include "store/core/digest_text.hpp"
#include "store/core/hex.hpp"
#include "store/listing.hpp"
#include "store/names.hpp"
#include "store/temporary_name.hpp"

namespace sealroot {

namespace {

bool is_folder_name(const std::string& name) {
  return name.size() == 2 && hex_value(name[0]) >= 0 && hex_value(name[1]) >= 0;
}

void read_folder(const ObjectStore& store, const std::string& folder, ObjectNames& names) {
  const Fd directory = open_beneath(store.directory(), folder, O_RDONLY | O_DIRECTORY);
  for (const DirectoryEntry& entry : list_directory(directory)) {
    const std::string path = folder + "/" + entry.name;
    const std::optional<Digest> digest = try_parse_object_path(path);
    if (is_temporary_name(entry.name)) {
      names.leftovers.push_back(store.folder() + path);
    } else if (!digest || digest->algorithm() != store.algorithm()) {
      names.strangers.emplace_back(store.folder() + path, "not the name of an object");
    } else {
      names.objects.push_back(*digest);
    }
  }
}

}  // namespace

ObjectNames read_object_names(const ObjectStore& store) {
  ObjectNames names;
  for (const DirectoryEntry& entry : list_directory(store.directory())) {
    if (is_temporary_name(entry.name)) {
      names.leftovers.push_back(store.folder() + entry.name);
    } else if (entry.type != EntryType::directory || !is_folder_name(entry.name)) {
      names.strangers.emplace_back(store.folder() + entry.name, "not a folder of objects");
    } else {
      read_folder(store, entry.name, names);
    }
  }
  return names;
}

}  // namespace sealroot
