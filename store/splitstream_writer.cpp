// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/splitstream_writer.hpp"

#include <zstd.h>

#include <algorithm>
#include <cassert>
#include <map>
#include <new>

#include "store/core/error.hpp"
#include "store/splitstream_format.hpp"

namespace sealroot {

namespace {

/// Chunks are cut where they grow beyond this, so that memory is bounded.
constexpr std::size_t chunk_bytes = std::size_t{1} << 20;
/// cfsctl reads a tar's header blocks each from one chunk, so chunks are cut between blocks only.
constexpr std::size_t chunk_alignment = 512;

/// Level 1: the headers of a tar of 2.1 GB, 45 MB, come out as small as with level 3 in half the time (0.05 s).
constexpr int compression_level = 1;

Bytes format_named_refs(const NamedRefs& refs, std::vector<Digest>& stream_refs) {
  std::map<std::string, std::size_t> named;  // sorted, as composefs-rs writes them
  for (const auto& [name, digest] : refs) {
    const auto known = std::find(stream_refs.begin(), stream_refs.end(), digest);
    named.insert_or_assign(name, static_cast<std::size_t>(known - stream_refs.begin()));
    if (known == stream_refs.end()) stream_refs.push_back(digest);
  }
  std::string text;
  for (const auto& [name, index] : named) text += std::to_string(index) + ":" + name + '\0';
  Bytes compressed(ZSTD_compressBound(text.size()));
  const std::size_t size = ZSTD_compress(compressed.data(), compressed.size(), text.data(), text.size(), 3);
  if (ZSTD_isError(size) != 0) throw std::bad_alloc();
  compressed.resize(size);
  return compressed;
}

void append(Bytes& file, ByteView bytes) { file.insert(file.end(), bytes.begin(), bytes.end()); }

Bytes concatenate(const std::vector<Digest>& digests) {
  Bytes bytes;
  for (const Digest& digest : digests) append(bytes, digest.bytes());
  return bytes;
}

}  // namespace

class SplitstreamBody::Compressor {
 public:
  Compressor() : context_(ZSTD_createCCtx()) {
    if (context_ == nullptr) throw std::bad_alloc();
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, compression_level);
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 0);
  }

  void write(ByteView data, ZSTD_EndDirective directive) {
    ZSTD_inBuffer input{data.data(), data.size(), 0};
    std::size_t left = 1;
    while (input.pos < input.size || (directive == ZSTD_e_end && left != 0)) {
      if (output_.size() - used_ < ZSTD_CStreamOutSize()) output_.resize(output_.size() * 2 + ZSTD_CStreamOutSize());
      ZSTD_outBuffer output{output_.data(), output_.size(), used_};
      left = ZSTD_compressStream2(context_.get(), &output, &input, directive);
      if (ZSTD_isError(left) != 0) throw Error(Fault::os, std::string("zstd: ") + ZSTD_getErrorName(left));
      used_ = output.pos;
    }
  }

  std::size_t used() const { return used_; }

  Bytes take() {
    write({}, ZSTD_e_end);
    output_.resize(used_);
    return std::move(output_);
  }

 private:
  struct Free {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  };
  std::unique_ptr<ZSTD_CCtx, Free> context_;
  Bytes output_;
  std::size_t used_ = 0;
};

SplitstreamBody::SplitstreamBody() : compressor_(std::make_unique<Compressor>()) {}
SplitstreamBody::~SplitstreamBody() = default;
SplitstreamBody::SplitstreamBody(SplitstreamBody&&) noexcept = default;
SplitstreamBody& SplitstreamBody::operator=(SplitstreamBody&&) noexcept = default;

void SplitstreamBody::write(ByteView data) {
  size_bytes_ += data.size();
  append(pending_, data);
  if (pending_.size() < chunk_bytes) return;
  const std::size_t rest = size_bytes_ % chunk_alignment;
  if (rest < pending_.size()) flush(pending_.size() - rest);
}

void SplitstreamBody::write_object(std::uint64_t size_bytes) {
  flush(pending_.size());
  size_bytes_ += size_bytes;
  compressor_->write(bytes_of(le64(object_count_++)), ZSTD_e_continue);
}

std::size_t SplitstreamBody::compressed_bytes() const { return compressor_->used(); }

void SplitstreamBody::flush(std::size_t count) {
  if (count == 0) return;
  compressor_->write(bytes_of(le64(std::uint64_t{0} - count)), ZSTD_e_continue);
  compressor_->write(ByteView(pending_).first(count), ZSTD_e_continue);
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(count));
}

Bytes SplitstreamBody::finish() {
  flush(pending_.size());
  return compressor_->take();
}

Bytes make_splitstream(Algorithm algorithm, std::uint64_t content_type, const NamedRefs& refs,
                       const std::vector<Digest>& objects, SplitstreamBody body) {
  assert(objects.size() == body.object_count());
  std::vector<Digest> streams;
  const Bytes named_refs = format_named_refs(refs, streams);
  const std::uint64_t stream_size = body.size_bytes();
  const Bytes chunks = body.finish();

  std::uint64_t end = 0;
  const auto place = [&end](std::size_t size_bytes) {
    const std::uint64_t start = end;
    end += size_bytes;
    return splitstream::Range{start, end};
  };
  splitstream::Header header{};
  place(sizeof header);
  std::copy_n(splitstream::magic.begin(), header.magic.size(), header.magic.begin());
  header.algorithm = static_cast<std::uint8_t>(algorithm);
  header.log_blocksize = verity_log_block_size;
  header.info = place(sizeof(splitstream::Info));
  splitstream::Info info{};
  const Bytes stream_refs = concatenate(streams);
  const Bytes object_refs = concatenate(objects);
  info.stream_refs = place(stream_refs.size());
  info.object_refs = place(object_refs.size());
  info.named_refs = place(named_refs.size());
  info.stream = place(chunks.size());
  info.content_type = content_type;
  info.stream_size = stream_size;

  Bytes file;
  file.reserve(static_cast<std::size_t>(end));
  for (const ByteView part : {bytes_of(header), bytes_of(info), ByteView(stream_refs), ByteView(object_refs),
                              ByteView(named_refs), ByteView(chunks)}) {
    append(file, part);
  }
  return file;
}

}  // namespace sealroot
