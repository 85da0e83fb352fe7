// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// A layer as a splitstream, recorded while the layer is read: TarFraming hands over headers, padding and small
// contents, LayerReader the ids of the contents that become objects. No byte is looked at a second time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "builder/layer/limits.hpp"
#include "store/core/bytes.hpp"
#include "store/ingest.hpp"
#include "store/splitstream_writer.hpp"

namespace sealroot {

class LayerStream {
 public:
  /// The next bytes of the archive, but for those of contents.
  void write(ByteView data) {
    if (recorded()) body_.write(data);
    if (body_.compressed_bytes() > max_stream_size) give_up("headers of more than 256 MiB, compressed");
  }
  /// The next bytes are those of a content ...
  void write_content(std::uint64_t size_bytes) {
    if (recorded()) body_.write_object(size_bytes);
  }
  /// ... which has this id; called later than write_content(), but in the same order.
  void add_content(ContentId id) { contents_.push_back(id); }

  /// The layer is read on, but not recorded.
  void give_up(std::string_view reason) {
    if (!recorded()) return;
    reason_ = reason;
    body_ = {};
  }
  bool recorded() const { return reason_.empty(); }
  const std::string& reason() const { return reason_; }

  /// The splitstream; `digests` are those of all contents by their id.
  Bytes finish(Algorithm algorithm, const SpillTable<Digest>& digests) &&;

 private:
  SplitstreamBody body_;
  std::vector<ContentId> contents_;
  std::string reason_;  // why it is not recorded
};

}  // namespace sealroot
