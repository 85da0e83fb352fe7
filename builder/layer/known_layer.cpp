// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/layer/known_layer.hpp"

#include <sys/stat.h>

#include <algorithm>

#include "builder/layer/limits.hpp"
#include "builder/tree/tree.hpp"
#include "store/core/error.hpp"
#include "store/splitstream_format.hpp"

namespace sealroot {

namespace {

Error bad(const std::string& reason) { return {Fault::malformed, "known layer: " + reason}; }

std::uint64_t size_of(const Fd& file) {
  struct stat info {};
  if (::fstat(file.get(), &info) < 0) throw os_error("reading an object");
  return static_cast<std::uint64_t>(info.st_size);
}

}  // namespace

std::unique_ptr<KnownLayer> KnownLayer::open(const Repository& repository, const BlobDigest& diff_id,
                                             Contents contents) {
  const std::optional<Digest> object = repository.find_stream("oci-layer-" + diff_id.text());
  if (!object) return nullptr;
  try {
    const auto layer = new KnownLayer(repository.objects(), repository.objects().read(*object), contents);
    return std::unique_ptr<KnownLayer>(layer);
  } catch (const Error& error) {
    if (error.fault() == Fault::os) throw;
    return nullptr;
  }
}

KnownLayer::KnownLayer(const ObjectStore& store, Bytes file, Contents contents)
    : store_(store),
      file_(std::move(file)),
      stream_(read_splitstream(file_, store.algorithm())),
      chunks_(stream_.chunks),
      contents_(contents) {
  if (stream_.content_type != splitstream::layer_type) throw bad("its stream holds something else");
}

std::size_t KnownLayer::read(std::span<std::uint8_t> out) {
  while (left_ == 0) {
    if (!next_chunk()) return 0;
  }
  const auto piece = out.first(static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), left_)));
  std::size_t got = piece.size();
  if (zeros_) {
    std::fill(piece.begin(), piece.end(), std::uint8_t{0});
  } else if (object_) {
    got = object_->read(piece);
    if (got == 0) throw bad("an object became shorter");
  } else if (!chunks_.read(piece)) {
    throw bad("its stream ends inside a chunk");
  }
  left_ -= got;
  offset_ += got;
  return got;
}

bool KnownLayer::next_chunk() {
  object_.reset();
  zeros_ = false;
  le64 raw;
  if (!chunks_.read(raw.raw)) return false;
  const std::uint64_t number = raw;
  if (number >> 63 != 0) {
    left_ = std::uint64_t{0} - number;
  } else {
    if (number >= stream_.refs.objects.size()) throw bad("a chunk names an object ref that is not there");
    open_object(stream_.refs.objects[static_cast<std::size_t>(number)]);
  }
  // Chunks can name one object many times, so that a small stream could stand for more than any layer may hold.
  if (left_ > max_total_size || offset_ + left_ > 2 * max_total_size) throw bad("more than 512 GiB");
  return true;
}

void KnownLayer::open_object(const Digest& digest) {
  Fd file = store_.open(digest);
  left_ = size_of(file);
  if (contents_ == Contents::read || left_ <= max_inline_size) {
    object_.emplace(std::move(file));
    return;
  }
  if (!store_.contains_intact(digest, left_)) throw bad("an object changes");
  zeros_ = true;
  const std::lock_guard lock(mutex_);
  found_.insert_or_assign(offset_, Found{digest, left_});
}

std::optional<Digest> KnownLayer::content_at(std::uint64_t offset, std::uint64_t size_bytes) const {
  const std::lock_guard lock(mutex_);
  const auto found = found_.find(offset);
  if (found == found_.end()) return std::nullopt;
  if (found->second.size_bytes != size_bytes) throw bad("an object is not of the size that its entry says");
  return found->second.digest;
}

}  // namespace sealroot
