// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/system_disk.hpp"

#include <map>
#include <set>

#include "store/core/error.hpp"
#include "store/names.hpp"
#include "store/splitstream.hpp"

namespace sealroot {

namespace {

constexpr std::string_view streams_folder = "streams/";
constexpr std::string_view stream_refs_folder = "streams/refs/";

}  // namespace

std::vector<Digest> objects_of(const Tree& tree) {
  std::set<Digest> objects;
  std::vector<NodeId> open{root_node};
  while (!open.empty()) {
    const NodeId id = open.back();
    open.pop_back();
    if (const RegularFile* file = tree[id].regular(); file != nullptr && file->digest) objects.insert(*file->digest);
    if (const Directory* directory = tree[id].directory()) {
      for (const auto& [name, child] : directory->children) open.push_back(child);
    }
  }
  return {objects.begin(), objects.end()};
}

void add_streams(const Repository& repository, RootPartition& root) {
  const RepositoryNames names = read_names(repository);
  std::set<Digest> objects(root.objects.begin(), root.objects.end());
  std::map<Digest, std::string> ids;
  for (const RepositoryName& name : names.names) {
    if (name.category != Category::streams || !name.object) continue;
    const std::string id = name.path.substr(streams_folder.size());
    root.streams.emplace(id, *name.object);
    ids.emplace(*name.object, id);
    const Bytes content = repository.objects().read(*name.object);
    const SplitstreamRefs refs =
        during(name.path, [&] { return read_splitstream_refs(content, root.store.algorithm()); });
    objects.insert(*name.object);
    objects.insert(refs.objects.begin(), refs.objects.end());
    objects.insert(refs.streams.begin(), refs.streams.end());
  }
  for (const RepositoryName& ref : names.refs) {
    if (ref.category != Category::streams || !ref.object) continue;
    root.stream_refs.emplace(ref.path.substr(stream_refs_folder.size()), ids.at(*ref.object));
  }
  root.objects.assign(objects.begin(), objects.end());
}

std::vector<EspFile> system_esp_files(const std::string& uki_name, ByteView uki, ByteView boot_loader,
                                      const std::string& suffix) {
  // No editor: what it could change is ignored anyway, so it would only mislead.
  static constexpr std::string_view loader_conf = "timeout 3\neditor no\n";
  std::string fallback = "BOOT" + suffix;  // the name firmware looks for on a disk it has no entry for
  for (char& c : fallback) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return {{"EFI/BOOT/" + fallback + ".EFI", boot_loader},
          {"EFI/systemd/systemd-boot" + suffix + ".efi", boot_loader},
          {"EFI/Linux/" + uki_name, uki},
          {"loader/loader.conf", as_bytes(loader_conf)}};
}

std::string root_type_of(std::string_view suffix) {
  return std::string(suffix == "aa64" ? root_type_arm64 : root_type_x86_64);
}

}  // namespace sealroot
