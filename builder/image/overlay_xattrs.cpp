// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/image/overlay_xattrs.hpp"

#include <algorithm>

#include "store/core/digest_text.hpp"

namespace sealroot::image {
namespace {

constexpr std::string_view overlay_prefix = "trusted.overlay.";

}  // namespace

ObjectXattrs::ObjectXattrs(const RegularFile& file) {
  if (file.digest) {
    // struct ovl_metacopy of linux/fs/overlayfs/overlayfs.h: version, length, flags, algorithm, digest
    const std::string_view digest = as_text(file.digest->bytes());
    metacopy = {0, static_cast<char>(4 + digest.size()), 0, static_cast<char>(file.digest->algorithm())};
    metacopy += digest;
  }
  if (!file.payload.empty()) {
    redirect = "/" + file.payload;
  } else if (file.digest && !file.without_payload) {
    redirect = "/" + object_path(*file.digest);
  }
}

void OverlayXattrs::start() { pairs_.clear(); }

void OverlayXattrs::add(const Xattrs& xattrs) {
  for (const auto& [key, value] : xattrs) {
    if (key.starts_with(overlay_prefix)) {
      const std::string_view rest = std::string_view(key).substr(overlay_prefix.size());
      pairs_.push_back({table_.keep({overlay_prefix, "overlay.", rest}), value});
    } else {
      pairs_.push_back({key, value});
    }
  }
}

void OverlayXattrs::start_stub(const Xattrs& root) {
  pairs_.clear();
  if (const auto label = root.find("security.selinux"); label != root.end()) {
    pairs_.push_back({label->first, label->second});
  }
}

void OverlayXattrs::set_root() { set("trusted.overlay.opaque", "y"); }

void OverlayXattrs::set_object(const RegularFile& file) {
  object_ = ObjectXattrs(file);
  set(metacopy_name, object_.metacopy, XattrText::passing);
  if (!object_.redirect.empty()) set(redirect_name, object_.redirect, XattrText::passing);
}

void OverlayXattrs::set_whiteout() {
  set("trusted.overlay.overlay.whiteout", "");
  set("user.overlay.whiteout", "");
}

void OverlayXattrs::set_has_whiteouts(bool marked_opaque) {
  set("trusted.overlay.overlay.whiteouts", "");
  set("user.overlay.whiteouts", "");
  if (!marked_opaque) return;
  set("trusted.overlay.overlay.opaque", "x");
  set("user.overlay.opaque", "x");
}

std::span<const OverlayXattrs::Pair> OverlayXattrs::sorted() {
  std::sort(pairs_.begin(), pairs_.end());
  return pairs_;
}

void OverlayXattrs::set(std::string_view key, std::string_view value, XattrText text) {
  const auto old = std::find_if(pairs_.begin(), pairs_.end(), [&](const Pair& pair) { return pair.key == key; });
  if (old != pairs_.end()) {
    *old = {key, value, text};
  } else {
    pairs_.push_back({key, value, text});
  }
}

}  // namespace sealroot::image
