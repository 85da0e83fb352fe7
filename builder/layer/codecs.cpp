// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// gzip by isa-l (twice as fast as zlib on layers), zstd by libzstd, xz by liblzma.
#include <isa-l/igzip_lib.h>
#include <lzma.h>
#include <zstd.h>

#include <algorithm>
#include <limits>
#include <new>

#include "builder/layer/codec.hpp"
#include "builder/layer/limits.hpp"
#include "store/core/error.hpp"

namespace sealroot {

namespace {

class GzipCodec final : public Codec {
 public:
  GzipCodec() { isal_inflate_init(&state_); }

  State decode(ByteView& in, std::span<std::uint8_t>& out) override {
    if (!in_member_) {
      isal_inflate_reset(&state_);
      state_.crc_flag = ISAL_GZIP;
      in_member_ = true;
    }
    constexpr std::size_t largest = std::numeric_limits<std::uint32_t>::max();
    state_.next_in = const_cast<std::uint8_t*>(in.data());  // isa-l only reads it
    state_.avail_in = static_cast<std::uint32_t>(std::min(in.size(), largest));
    state_.next_out = out.data();
    state_.avail_out = static_cast<std::uint32_t>(std::min(out.size(), largest));
    const int result = isal_inflate(&state_);
    in = in.subspan(static_cast<std::size_t>(state_.next_in - in.data()));
    out = out.subspan(static_cast<std::size_t>(state_.next_out - out.data()));
    if (result != ISAL_DECOMP_OK) {
      throw Error(Fault::malformed,
                  result == ISAL_INCORRECT_CHECKSUM ? "gzip: checksum does not match the data" : "gzip: damaged data");
    }
    in_member_ = state_.block_state != ISAL_BLOCK_FINISH;
    return in_member_ ? State::running : State::between_members;
  }

  bool starts_member(std::uint8_t first_byte) const override { return first_byte == 0x1f; }

 private:
  inflate_state state_;
  bool in_member_ = false;
};

class ZstdCodec final : public Codec {
 public:
  ZstdCodec() : context_(ZSTD_createDCtx()) {
    if (context_ == nullptr) throw std::bad_alloc();
    ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, max_zstd_window_log);
  }
  ~ZstdCodec() override { ZSTD_freeDCtx(context_); }
  ZstdCodec(const ZstdCodec&) = delete;
  ZstdCodec& operator=(const ZstdCodec&) = delete;

  State decode(ByteView& in, std::span<std::uint8_t>& out) override {
    ZSTD_inBuffer input{in.data(), in.size(), 0};
    ZSTD_outBuffer output{out.data(), out.size(), 0};
    const std::size_t result = ZSTD_decompressStream(context_, &output, &input);
    in = in.subspan(input.pos);
    out = out.subspan(output.pos);
    if (ZSTD_isError(result) != 0) throw Error(Fault::malformed, std::string("zstd: ") + ZSTD_getErrorName(result));
    return result == 0 ? State::between_members : State::running;
  }

  /// Frames start with 0x28, skippable frames (as zstd:chunked layers have) with 0x50 to 0x5f.
  bool starts_member(std::uint8_t first_byte) const override {
    return first_byte == 0x28 || (first_byte & 0xf0) == 0x50;
  }

 private:
  ZSTD_DCtx* context_;
};

class XzCodec final : public Codec {
 public:
  ~XzCodec() override { lzma_end(&stream_); }

  State decode(ByteView& in, std::span<std::uint8_t>& out) override {
    if (!in_member_) {
      if (lzma_stream_decoder(&stream_, max_xz_memory, LZMA_FAIL_FAST) != LZMA_OK) throw std::bad_alloc();
      in_member_ = true;
    }
    stream_.next_in = in.data();
    stream_.avail_in = in.size();
    stream_.next_out = out.data();
    stream_.avail_out = out.size();
    const lzma_ret result = lzma_code(&stream_, LZMA_RUN);
    in = in.last(stream_.avail_in);
    out = out.last(stream_.avail_out);
    if (result == LZMA_MEMLIMIT_ERROR) throw Error(Fault::malformed, "xz: needs more than 160 MiB of memory");
    if (result != LZMA_OK && result != LZMA_STREAM_END && result != LZMA_BUF_ERROR) {
      throw Error(Fault::malformed, "xz: damaged data");
    }
    in_member_ = result != LZMA_STREAM_END;
    return in_member_ ? State::running : State::between_members;
  }

  bool starts_member(std::uint8_t first_byte) const override { return first_byte == 0xfd; }

 private:
  lzma_stream stream_ = LZMA_STREAM_INIT;
  bool in_member_ = false;
};

}  // namespace

std::unique_ptr<Codec> make_gzip_codec() { return std::make_unique<GzipCodec>(); }
std::unique_ptr<Codec> make_zstd_codec() { return std::make_unique<ZstdCodec>(); }
std::unique_ptr<Codec> make_xz_codec() { return std::make_unique<XzCodec>(); }

}  // namespace sealroot
