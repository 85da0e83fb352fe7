// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/layer/decompress.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "builder/layer/codec.hpp"
#include "builder/layer/limits.hpp"
#include "builder/layer/read_ahead.hpp"
#include "store/core/error.hpp"

namespace sealroot {

namespace {

// Compressed data is used up evenly, so one chunk ahead is enough.
constexpr std::size_t input_chunk_count = 2;

class PlainStream final : public ByteStream {
 public:
  explicit PlainStream(ByteStream& source) : source_(source) {}
  std::size_t read(std::span<std::uint8_t> out) override { return source_.read(out); }

 private:
  ByteStream& source_;
};

/// Its source, which most often is a blob that is hashed as it is read, is read by a thread of its own: inflating alone
/// takes as long as all else together on two cores.
class DecompressStream final : public ByteStream {
 public:
  DecompressStream(ByteStream& source, std::unique_ptr<Codec> codec, Compression compression)
      : source_(source, std::nullopt, input_chunk_count),
        codec_(std::move(codec)),
        name_(compression_name(compression)) {}

  std::size_t read(std::span<std::uint8_t> out) override {
    std::span<std::uint8_t> left = out;
    while (left.size() == out.size() && !at_end_) {
      if (in_.empty() && !flushing_) refill();
      if (at_end_) break;
      if (!in_member_ && !start_member()) continue;
      in_member_ = codec_->decode(in_, left) == Codec::State::running;
      // A full output may hide more; then the codec is asked again before more input is read.
      flushing_ = in_member_ && left.empty();
    }
    produced_ += out.size() - left.size();
    check_expansion();
    return out.size() - left.size();
  }

 private:
  void refill() {
    in_ = source_.next();
    consumed_ += in_.size();
    if (!in_.empty()) return;
    if (in_member_ || consumed_ == 0) throw Error(Fault::malformed, name_ + ": compressed data ends early");
    at_end_ = true;
  }

  /// False when the bytes at hand are padding, which is then dropped.
  bool start_member() {
    if (in_.empty()) return false;
    if (!padding_ && codec_->starts_member(in_.front())) return true;
    padding_ = true;
    if (consumed_ == in_.size() || std::any_of(in_.begin(), in_.end(), [](std::uint8_t byte) { return byte != 0; })) {
      throw Error(Fault::malformed, name_ + ": bytes that are not zero follow the compressed data");
    }
    in_ = {};
    return false;
  }

  void check_expansion() const {
    if (produced_ > free_expansion_size && produced_ / max_expansion > consumed_) {
      throw Error(Fault::malformed, name_ + ": " + std::to_string(consumed_) + " bytes expand to more than " +
                                        std::to_string(max_expansion) + " times their size");
    }
  }

  ReadAhead source_;
  std::unique_ptr<Codec> codec_;
  std::string name_;
  ByteView in_;
  bool in_member_ = false;
  bool flushing_ = false;
  bool padding_ = false;
  bool at_end_ = false;
  std::uint64_t consumed_ = 0;
  std::uint64_t produced_ = 0;
};

constexpr std::array<std::uint8_t, 2> gzip_magic{0x1f, 0x8b};
constexpr std::array<std::uint8_t, 4> zstd_magic{0x28, 0xb5, 0x2f, 0xfd};
constexpr std::array<std::uint8_t, 6> xz_magic{0xfd, '7', 'z', 'X', 'Z', 0};

bool starts_with(ByteView data, ByteView magic) {
  return data.size() >= magic.size() && std::equal(magic.begin(), magic.end(), data.begin());
}

}  // namespace

std::string_view compression_name(Compression compression) {
  switch (compression) {
    case Compression::gzip:
      return "gzip";
    case Compression::zstd:
      return "zstd";
    case Compression::xz:
      return "xz";
    case Compression::none:
      break;
  }
  return "none";
}

Compression detect_compression(ByteView start) {
  if (starts_with(start, gzip_magic)) return Compression::gzip;
  if (starts_with(start, xz_magic)) return Compression::xz;
  const bool skippable =
      start.size() >= 4 && (start[0] & 0xf0) == 0x50 && start[1] == 0x2a && start[2] == 0x4d && start[3] == 0x18;
  if (skippable || starts_with(start, zstd_magic)) return Compression::zstd;
  return Compression::none;
}

std::unique_ptr<ByteStream> decompress(ByteStream& source, Compression compression) {
  switch (compression) {
    case Compression::gzip:
      return std::make_unique<DecompressStream>(source, make_gzip_codec(), compression);
    case Compression::zstd:
      return std::make_unique<DecompressStream>(source, make_zstd_codec(), compression);
    case Compression::xz:
      return std::make_unique<DecompressStream>(source, make_xz_codec(), compression);
    case Compression::none:
      break;
  }
  return std::make_unique<PlainStream>(source);
}

}  // namespace sealroot
