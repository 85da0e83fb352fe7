// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/new_image.hpp"

#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/new_object.hpp"
#include "store/replace_symlink.hpp"
#include "store/verity/verity_hasher.hpp"

namespace sealroot {

namespace {

Digest put(const ObjectStore& store, const ContentWriter& write) {
  NewObject object(store, ".");
  VerityHasher hasher(store.algorithm());
  std::uint64_t size_bytes = 0;
  write([&](ByteView piece) {
    hasher.update(piece);
    object.write_at(piece, size_bytes);
    size_bytes += piece.size();
  });
  const Digest digest = hasher.finish();
  object.publish(digest, size_bytes);
  return digest;
}

}  // namespace

Digest add_image(const Repository& repository, const ContentWriter& write) {
  repository.require_writable();
  const Digest digest = during("object of the image", [&] { return put(repository.objects(), write); });
  during("naming image " + to_hex(digest), [&] {
    const Fd images = open_beneath(repository.directory(), "images", O_RDONLY | O_DIRECTORY);
    repository.sync();
    replace_symlink(images, "../objects/" + object_path(digest), to_hex(digest));
  });
  return digest;
}

}  // namespace sealroot
