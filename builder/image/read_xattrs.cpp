// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/image/read_xattrs.hpp"

#include <array>
#include <string_view>
#include <utility>

#include "store/core/error.hpp"

namespace sealroot::image {
namespace {

constexpr std::string_view overlay_prefix = "trusted.overlay.";
constexpr std::string_view escape = "overlay.";

using Mark = std::pair<std::string_view, std::string_view>;
constexpr std::array<Mark, 2> whiteout_marks{{{"trusted.overlay.whiteout", ""}, {"user.overlay.whiteout", ""}}};
constexpr std::array<Mark, 2> whiteouts_marks{{{"trusted.overlay.whiteouts", ""}, {"user.overlay.whiteouts", ""}}};
constexpr std::array<Mark, 2> opaque_marks{{{"trusted.overlay.opaque", "x"}, {"user.overlay.opaque", "x"}}};

Error bad(const std::string& reason) { return {Fault::malformed, reason}; }

bool has_all(const Xattrs& xattrs, const std::array<Mark, 2>& marks) {
  for (const auto& [name, value] : marks) {
    const auto found = xattrs.find(name);
    if (found == xattrs.end() || found->second != value) return false;
  }
  return true;
}

void drop(Xattrs& xattrs, const std::array<Mark, 2>& marks) {
  for (const auto& [name, value] : marks) xattrs.erase(name);
}

/// struct ovl_metacopy of linux/fs/overlayfs/overlayfs.h: version, length, flags, algorithm, digest.
std::optional<Digest> metacopy_digest(std::string_view value) {
  if (value.empty()) return std::nullopt;
  const ByteView bytes = as_bytes(value);
  if (bytes.size() < 4 || bytes[0] != 0 || bytes[1] != bytes.size() || bytes[2] != 0) throw bad("malformed metacopy");
  const ByteView digest = bytes.subspan(4);
  for (const Algorithm algorithm : {Algorithm::sha256, Algorithm::sha512}) {
    if (bytes[3] == static_cast<std::uint8_t>(algorithm) && digest.size() == digest_size(algorithm)) {
      return Digest(algorithm, digest);
    }
  }
  throw bad("metacopy with an unknown digest");
}

void read_order(OverlayOrders& orders, std::string_view order, std::string_view value) {
  if (order == "opaque") {
    if (value != "y") throw bad("opaque with another value than 'y'");
    orders.opaque = true;
  } else if (order == "metacopy") {
    orders.metacopy = true;
    orders.digest = metacopy_digest(value);
  } else if (order == "redirect") {
    if (value.size() < 2 || value[0] != '/') throw bad("redirect that is not an absolute path");
    orders.redirect = value.substr(1);
  } else {
    throw bad("unknown order to overlayfs " + quoted(order));
  }
}

}  // namespace

OverlayOrders read_xattrs(const erofs::Reader& reader, const erofs::Inode& inode, Xattrs& xattrs,
                          std::uint64_t& size_left) {
  OverlayOrders orders;
  for (const auto& [name, value] : reader.xattrs(inode)) {
    const std::uint64_t size = name.size() + value.size();
    if (size > size_left) throw bad("more xattrs than an image of this size can be expected to have");
    size_left -= size;
    std::string own = name;
    if (name.starts_with(overlay_prefix)) {
      const std::string_view order = std::string_view(name).substr(overlay_prefix.size());
      if (!order.starts_with(escape)) {
        read_order(orders, order, value);
        continue;
      }
      own.erase(overlay_prefix.size(), escape.size());
    }
    if (!xattrs.emplace(std::move(own), std::string(value)).second) throw bad("two xattrs named " + quoted(name));
  }
  if (!orders.redirect.empty() && !orders.metacopy) throw bad("redirect without metacopy");
  return orders;
}

bool looks_like_whiteout(const Node& node) {
  const RegularFile* file = node.regular();
  return file != nullptr && file->size == 0 && has_all(node.metadata.xattrs, whiteout_marks);
}

bool looks_like_whiteouts(const Node& node, bool marked_opaque) {
  const Xattrs& xattrs = node.metadata.xattrs;
  return has_all(xattrs, whiteouts_marks) && (!marked_opaque || has_all(xattrs, opaque_marks));
}

void drop_whiteout_xattrs(Node& node) { drop(node.metadata.xattrs, whiteout_marks); }

void drop_whiteouts_xattrs(Node& node, bool marked_opaque) {
  drop(node.metadata.xattrs, whiteouts_marks);
  if (marked_opaque) drop(node.metadata.xattrs, opaque_marks);
}

}  // namespace sealroot::image
