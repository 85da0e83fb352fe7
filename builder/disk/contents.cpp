// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/disk/contents.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>

#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/verity/verity_hasher.hpp"

namespace sealroot {
namespace {

constexpr std::size_t buffer_bytes = 1U << 20;

/// One thread's work: it takes contents one by one.
class Copier {
 public:
  Copier(const ObjectStore& store, const Fd& disk, std::uint64_t offset_bytes)
      : store_(store), disk_(disk), offset_bytes_(offset_bytes), buffer_(buffer_bytes) {}

  void copy(const Content& content) {
    VerityHasher hasher(store_.algorithm(), content.sealed ? Keep::tree : Keep::digest);
    if (content.file->digest) {
      copy_object(content, hasher);
    } else {
      const ByteView bytes = as_bytes(content.file->inline_content);
      hasher.update(bytes);
      write_at(content.runs, bytes, 0);
    }
    const VerityMetadata metadata = hasher.finish_metadata();
    if (content.file->digest && metadata.digest != *content.file->digest) {
      throw Error(Fault::untrusted,
                  "object " + to_hex(*content.file->digest) + ": its bytes give the digest " + to_hex(metadata.digest));
    }
    if (content.sealed) write_metadata(content, metadata);
  }

 private:
  void copy_object(const Content& content, VerityHasher& hasher) {
    const Fd file = store_.open(*content.file->digest);
    std::uint64_t position = 0;
    while (position < content.file->size) {
      const auto wanted =
          static_cast<std::size_t>(std::min<std::uint64_t>(buffer_.size(), content.file->size - position));
      const ByteView piece = ByteView(buffer_).first(read_up_to(file, wanted, content));
      if (piece.empty()) break;  // shorter than it was: the digest tells
      hasher.update(piece);
      write_at(content.runs, piece, position);
      position += piece.size();
    }
  }

  std::size_t read_up_to(const Fd& file, std::size_t wanted, const Content& content) {
    std::size_t have = 0;
    while (have < wanted) {
      const ssize_t got = ::read(file.get(), buffer_.data() + have, wanted - have);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw os_error("reading object " + to_hex(*content.file->digest));
      if (got == 0) break;
      have += static_cast<std::size_t>(got);
    }
    return have;
  }

  /// Merkle tree, descriptor, and in the last four bytes the descriptor's length. Source: fs/ext4/verity.c
  void write_metadata(const Content& content, const VerityMetadata& metadata) {
    Bytes bytes = metadata.tree;
    const std::size_t descriptor_at = round_up(bytes.size(), ext4::block_bytes);
    bytes.resize(descriptor_at + ext4::block_bytes);
    std::ranges::copy(metadata.descriptor, bytes.begin() + static_cast<std::ptrdiff_t>(descriptor_at));
    const le32 length = static_cast<std::uint32_t>(metadata.descriptor.size());
    std::ranges::copy(length.raw, bytes.end() - static_cast<std::ptrdiff_t>(length.raw.size()));
    write_at(content.runs, bytes, round_up(content.file->size, ext4::verity_alignment_bytes));
  }

  /// Writes bytes of a file from `position` on to wherever its runs put them.
  void write_at(const std::vector<ext4::Run>& runs, ByteView bytes, std::uint64_t position) {
    for (const ext4::Run& run : runs) {
      if (bytes.empty()) return;
      const std::uint64_t begin = run.logical * ext4::block_bytes;
      const std::uint64_t end = begin + run.count * ext4::block_bytes;
      if (position < begin || position >= end) continue;
      const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), end - position));
      write_all_at(disk_, bytes.first(part), offset_bytes_ + run.physical * ext4::block_bytes + (position - begin));
      bytes = bytes.subspan(part);
      position += part;
    }
  }

  const ObjectStore& store_;
  const Fd& disk_;
  std::uint64_t offset_bytes_;
  Bytes buffer_;
};

/// What the threads share: the next content to take, and the error of the one that comes first in order.
class Queue {
 public:
  Queue(const std::vector<Content>& contents, const std::function<void(std::uint64_t)>& progress)
      : contents_(contents), progress_(progress) {}

  void work(Copier& copier) {
    for (std::size_t index = next_++; index < contents_.size() && !failed_; index = next_++) {
      try {
        copier.copy(contents_[index]);
      } catch (...) {
        fail(index);
        return;
      }
      report(contents_[index].file->size);
    }
  }

  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  void fail(std::size_t index) {
    const std::scoped_lock lock(mutex_);
    if (!error_ || index < failed_index_) {
      error_ = std::current_exception();
      failed_index_ = index;
    }
    failed_ = true;
  }

  void report(std::uint64_t bytes) {
    const std::scoped_lock lock(mutex_);
    done_bytes_ += bytes;
    if (progress_) progress_(done_bytes_);
  }

  const std::vector<Content>& contents_;
  const std::function<void(std::uint64_t)>& progress_;
  std::atomic<std::size_t> next_ = 0;
  std::atomic<bool> failed_ = false;
  std::mutex mutex_;
  std::uint64_t done_bytes_ = 0;
  std::size_t failed_index_ = 0;
  std::exception_ptr error_;
};

}  // namespace

void write_contents(const std::vector<Content>& contents, const ObjectStore& store, const Fd& disk,
                    std::uint64_t offset_bytes, unsigned threads, const std::function<void(std::uint64_t)>& progress) {
  Queue queue(contents, progress);
  const auto work = [&] {
    Copier copier(store, disk, offset_bytes);
    queue.work(copier);
  };
  if (threads == 0) threads = std::max(1U, std::thread::hardware_concurrency());
  {
    std::vector<std::jthread> workers;
    for (unsigned i = 1; i < threads; ++i) workers.emplace_back(work);
    work();
  }
  queue.rethrow();
}

}  // namespace sealroot
