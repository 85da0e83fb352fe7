// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "upgrade/stage/sealed_uki.hpp"

#include <algorithm>

#include "builder/inspect/inspect.hpp"
#include "builder/uki/authenticode.hpp"
#include "builder/uki/os_release.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "upgrade/host/unsealed.hpp"

namespace sealroot {
namespace {

constexpr const char* uki_folder = "/boot/EFI/Linux";
constexpr std::size_t longest_name = 255;  // of FAT

std::size_t count_names(const Tree& tree, NodeId wanted) {
  std::size_t count = 0;
  std::vector<NodeId> open{root_node};
  while (!open.empty()) {
    const Directory& directory = *tree[open.back()].directory();
    open.pop_back();
    for (const auto& [name, child] : directory.children) {
      if (child == wanted) ++count;
      if (tree[child].directory() != nullptr) open.push_back(child);
    }
  }
  return count;
}

Error malformed(std::string_view name, const std::string& reason) {
  return {Fault::malformed, quoted(std::string(uki_folder).append("/").append(name)) + " in the image: " + reason};
}

/// The name and node of the only entry.
std::pair<std::string, NodeId> find_uki(const Tree& tree) {
  const auto folder = find(tree, uki_folder);
  const Directory* const directory = folder ? tree[*folder].directory() : nullptr;
  if (directory == nullptr || directory->children.empty()) {
    throw Error(Fault::missing, std::string("the container image has no UKI in ") + uki_folder +
                                    ": it is not sealed; `sealroot build --oci-out` seals it");
  }
  if (directory->children.size() > 1) {
    throw malformed(std::next(directory->children.begin())->first, "more than one entry; exactly one UKI is expected");
  }
  const auto& [name, node] = *directory->children.begin();
  return {std::string(name), node};
}

const RegularFile& check_file(const Tree& tree, const std::string& name, NodeId node) {
  if (!is_entry_name(name) || name.size() > longest_name || !try_parse_entry_name(name)) {
    throw malformed(name, "no name of a boot entry: letters, digits and +_.- with .efi at the end");
  }
  const RegularFile* const file = tree[node].regular();
  if (file == nullptr) throw malformed(name, "not a regular file");
  if (count_names(tree, node) != 1) throw malformed(name, "has other names (hard links)");
  if (file->size > max_boot_file_bytes) throw malformed(name, "larger than 512 MiB");
  return *file;
}

}  // namespace

SealedUki take_sealed_uki(const Tree& tree, const ObjectStore& store, const std::vector<Certificate>& trusted,
                          Seal seal) {
  const auto [name, node] = find_uki(tree);
  const RegularFile& file = check_file(tree, name, node);
  return during("UKI " + quoted(name) + " of the container image", [&, &file = file] {
    SealedUki uki;
    uki.file = file.digest ? store.read(*file.digest) : Bytes(file.inline_content.begin(), file.inline_content.end());
    uki.facts = read_uki(uki.file, trusted);
    if (uki.facts.signature != SignatureState::trusted) verify_pe(uki.file, trusted.front());  // throws the reason
    if (uki.facts.not_sealed && !(seal == Seal::may_be_missing && is_unsealed(uki.facts))) {
      throw Error(Fault::untrusted, "signed, but not sealed: " + *uki.facts.not_sealed);
    }
    return uki;
  });
}

}  // namespace sealroot
