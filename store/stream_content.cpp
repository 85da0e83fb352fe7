// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/stream_content.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "store/blob_digest.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/read_pieces.hpp"
#include "store/splitstream_format.hpp"

namespace sealroot {

namespace {

struct StreamKind {
  std::string_view prefix;
  std::uint64_t content_type;
};
/// A layer of ours has at most 256 GiB of contents. Chunks can name one object many times, so that a small stream
/// could cost hours.
constexpr std::uint64_t max_size_bytes = std::uint64_t{512} << 30;

constexpr std::array<StreamKind, 4> kinds{{{"oci-layer-", splitstream::layer_type},
                                           {"oci-config-", splitstream::config_type},
                                           {"oci-manifest-", splitstream::manifest_type},
                                           {"oci-blob-", splitstream::blob_type}}};

/// The digest that the name says the stream has; nullopt if it is of a kind that says none.
std::optional<BlobDigest> named_digest(const std::string& id, const Splitstream& stream) {
  for (const StreamKind& kind : kinds) {
    if (!id.starts_with(kind.prefix)) continue;
    if (stream.content_type != kind.content_type) {
      throw Error(Fault::untrusted, "splitstream: its content is of another type than its name says");
    }
    return parse_blob_digest(id.substr(kind.prefix.size()));
  }
  return std::nullopt;
}

}  // namespace

void check_stream_content(const ObjectStore& store, const std::string& id, const Splitstream& stream, Bytes& buffer) {
  const std::optional<BlobDigest> expected = named_digest(id, stream);
  std::optional<BlobHasher> hasher;
  if (expected) hasher.emplace(expected->algorithm);
  std::uint64_t size_bytes = 0;
  const auto take = [&](ByteView piece) {
    size_bytes += piece.size();
    if (size_bytes > stream.size_bytes || size_bytes > max_size_bytes) {
      throw Error(Fault::untrusted,
                  "has more than " + std::to_string(std::min(stream.size_bytes, max_size_bytes)) + " bytes");
    }
    if (hasher) hasher->update(piece);
  };
  visit_chunks(stream, {take, [&](const Digest& digest) {
                          during("object objects/" + object_path(digest),
                                 [&] { read_pieces(store.open(digest), buffer, take); });
                        }});
  if (size_bytes != stream.size_bytes) {
    throw Error(Fault::untrusted, "splitstream: has " + std::to_string(size_bytes) + " bytes and says " +
                                      std::to_string(stream.size_bytes));
  }
  if (!hasher) return;
  if (const BlobDigest found = hasher->finish(); found != *expected) {
    throw Error(Fault::untrusted, "splitstream: its content has another digest, " + found.text());
  }
}

}  // namespace sealroot
