// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/system_disk.hpp"

#include <set>

namespace sealroot {

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
