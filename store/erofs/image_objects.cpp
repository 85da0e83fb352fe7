// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/erofs/image_objects.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <optional>

#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/erofs/walk.hpp"

namespace sealroot::erofs {

bool looks_like_image(ByteView bytes) {
  le32 magic;
  if (bytes.size() < sizeof magic) return false;
  std::copy_n(bytes.begin(), sizeof magic, reinterpret_cast<std::uint8_t*>(&magic));
  return magic == composefs_magic;
}

namespace {

/// An image may know a file's digest and redirect to a path that is not made of it; both are kept.
/// struct ovl_metacopy of linux/fs/overlayfs/overlayfs.h: version, length, flags, algorithm, digest.
std::optional<Digest> metacopy_digest(std::string_view value) {
  const ByteView bytes = as_bytes(value);
  for (const Algorithm algorithm : {Algorithm::sha256, Algorithm::sha512}) {
    if (bytes.size() == 4 + digest_size(algorithm) && bytes[3] == static_cast<std::uint8_t>(algorithm)) {
      return Digest(algorithm, bytes.subspan(4));
    }
  }
  return std::nullopt;
}

}  // namespace

std::set<ImageObject> image_objects(ByteView image) {
  std::set<ImageObject> objects;
  const Reader reader(image);
  walk(reader, [&](const Found& found) {
    if (found.again || !found.inode.is(S_IFREG)) return;
    for (const XattrText& xattr : reader.xattrs(found.inode)) {
      if (xattr.name == "trusted.overlay.metacopy") {
        if (const std::optional<Digest> digest = metacopy_digest(xattr.value))
          objects.insert({*digest, found.inode.size});
      }
      if (xattr.name != "trusted.overlay.redirect") continue;
      std::optional<Digest> digest;
      if (xattr.value.starts_with('/')) digest = try_parse_object_path(xattr.value.substr(1));
      if (!digest) throw Error(Fault::malformed, "redirects to " + quoted(xattr.value) + ", which is no object");
      objects.insert({*digest, found.inode.size});
    }
  });
  return objects;
}

}  // namespace sealroot::erofs
