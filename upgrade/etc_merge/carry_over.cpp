// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "upgrade/etc_merge/carry_over.hpp"

#include "builder/image/read_image.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "upgrade/etc_merge/nodes.hpp"
#include "upgrade/host/host.hpp"

namespace sealroot {

namespace {

constexpr std::string_view opaque = "trusted.overlay.opaque";

bool is_whiteout(const Node& node) {
  const auto* const device = std::get_if<DeviceNode>(&node.content);
  return device != nullptr && !device->block && device->rdev == 0;
}

const NodeId* child_of(const Node* directory, std::string_view name) {
  if (!is_directory(directory)) return nullptr;
  const auto found = directory->directory()->children.find(name);
  return found == directory->directory()->children.end() ? nullptr : &found->second;
}

/// Puts the layers together into a tree of its own; either may lack what the other has.
class Overlay {
 public:
  Overlay(const EtcSide& lower, const Tree& upper) : lower_(lower), upper_(upper) {}

  Tree run() && {
    shown_.nodes.clear();
    const Node* const lower = lower_.top ? &lower_.tree[*lower_.top] : nullptr;
    show(lower, &upper_[root_node]);
    if (lower != nullptr) shown_[root_node].metadata = lower->metadata;
    return std::move(shown_);
  }

 private:
  NodeId show(const Node* lower, const Node* upper) {
    const Node& top = upper != nullptr ? *upper : *lower;
    const NodeId id = add_directory(shown_);
    shown_[id].metadata = top.metadata;
    shown_[id].metadata.xattrs.erase_if([](const auto& xattr) { return xattr.first.starts_with("trusted.overlay."); });
    if (!is_directory(&top)) {
      shown_[id].content = top.content;
      return id;
    }
    if (upper != nullptr && upper->metadata.xattrs.find(opaque) != upper->metadata.xattrs.end()) lower = nullptr;
    for (const Node* const layer : {lower, upper}) {
      if (!is_directory(layer)) continue;
      for (const auto& [name, child] : layer->directory()->children) show_child(id, name, lower, upper);
    }
    return id;
  }

  void show_child(NodeId directory, std::string_view name, const Node* lower, const Node* upper) {
    if (shown_[directory].directory()->children.contains(name)) return;
    const NodeId* const below = child_of(lower, name);
    const NodeId* const above = child_of(upper, name);
    if (above != nullptr && is_whiteout(upper_[*above])) return;
    const NodeId child =
        show(below == nullptr ? nullptr : &lower_.tree[*below], above == nullptr ? nullptr : &upper_[*above]);
    shown_[directory].directory()->children.emplace(name, child);
  }

  const EtcSide& lower_;
  const Tree& upper_;
  Tree shown_;
};

}  // namespace

std::optional<std::string> kept_etc_folder(const std::string& profile) {
  if (profile == "bind") return "etc";
  if (profile == "overlay") return "etc/upper";
  return std::nullopt;
}

Tree lay_over(const EtcSide& lower, const Tree& upper) { return Overlay(lower, upper).run(); }

std::optional<CarriedEtc> carry_over_etc(const Fd& sysroot, const Repository& repository, const KeptEtc& old,
                                         const EtcSide& new_image, const std::string& new_profile, EtcPolicy policy) {
  const std::optional<std::string> folder = kept_etc_folder(old.profile);
  if (!folder || !kept_etc_folder(new_profile)) return std::nullopt;
  return during("/etc of image " + to_hex(old.image), [&]() -> std::optional<CarriedEtc> {
    const std::string path = std::string(deploy_folder) + "/" + to_hex(old.image) + "/" + *folder;
    std::optional<Fd> here = try_open_beneath(sysroot, path, O_RDONLY | O_DIRECTORY);
    if (!here) return std::nullopt;
    const Tree image = read_image(repository.objects().read(old.image)).tree;
    const EtcSide before{image, find(image, "etc")};
    Tree kept = read_live_etc(*here, repository.algorithm());
    if (old.profile == "overlay") kept = lay_over(before, kept);
    CarriedEtc carried{merge_etc(before, {kept, root_node}, new_image, policy), *std::move(here)};
    if (new_profile == "overlay") {
      std::vector<EtcChange> changes = std::move(carried.merge.changes);
      carried.merge = overlay_upper(carried.merge, new_image);
      carried.merge.changes = std::move(changes);
    }
    return carried;
  });
}

}  // namespace sealroot
