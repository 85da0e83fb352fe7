// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/layer/read_ahead.hpp"

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace sealroot {

class ReadAhead::Ring {
 public:
  Ring(ByteStream& source, std::optional<Algorithm> hash, std::size_t chunk_count)
      : source_(source), chunks_(chunk_count) {
    for (Chunk& chunk : chunks_) chunk.bytes.resize(chunk_bytes);
    if (hash) {
      hasher_.emplace(*hash);
      hashing_ = std::thread([this] { hash_all(); });
    } else {
      hashed_ = UINT64_MAX;
    }
    filling_ = std::thread([this] { fill_all(); });
  }

  ~Ring() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    changed_.notify_all();
    filling_.join();
    if (hashing_.joinable()) hashing_.join();
  }

  ByteView next() {
    std::unique_lock lock(mutex_);
    if (holding_) {
      ++consumed_;
      holding_ = false;
      changed_.notify_all();
    }
    changed_.wait(lock, [&] { return filled_ > consumed_ || ended_; });
    if (filled_ > consumed_) {
      holding_ = true;
      return chunk(consumed_).view();
    }
    if (failure_) std::rethrow_exception(failure_);
    return {};
  }

  BlobDigest digest() {
    if (hashing_.joinable()) hashing_.join();
    if (hash_failure_) std::rethrow_exception(hash_failure_);
    return hasher_.value().finish();
  }

 private:
  struct Chunk {
    std::vector<std::uint8_t> bytes;
    std::size_t size = 0;
    ByteView view() const { return ByteView(bytes).first(size); }
  };

  Chunk& chunk(std::uint64_t number) { return chunks_[number % chunks_.size()]; }

  bool wait_for_room() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stopped_ || filled_ - std::min(consumed_, hashed_) < chunks_.size(); });
    return !stopped_;
  }

  void fill_all() {
    std::exception_ptr failure;
    try {
      while (wait_for_room()) {
        Chunk& target = chunk(filled_);  // only this thread writes filled_
        target.size = 0;
        // Byte by byte progress is kept when the source throws midway: what came before is still handed over.
        while (target.size < chunk_bytes) {
          std::size_t got = 0;
          try {
            got = source_.read(std::span(target.bytes).subspan(target.size));
          } catch (...) {
            failure = std::current_exception();
          }
          if (got == 0) break;
          target.size += got;
        }
        const bool last = target.size < chunk_bytes;
        if (target.size > 0) publish();
        if (last) break;
      }
    } catch (...) {
      failure = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    failure_ = failure;
    ended_ = true;
    changed_.notify_all();
  }

  void publish() {
    const std::lock_guard lock(mutex_);
    ++filled_;
    changed_.notify_all();
  }

  void hash_all() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return stopped_ || filled_ > hashed_ || ended_; });
      if (stopped_ || filled_ == hashed_) return;
      lock.unlock();
      try {
        hasher_->update(chunk(hashed_).view());
      } catch (...) {
        hash_failure_ = std::current_exception();
      }
      lock.lock();
      ++hashed_;
      changed_.notify_all();
    }
  }

  ByteStream& source_;
  std::vector<Chunk> chunks_;
  std::optional<BlobHasher> hasher_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t filled_ = 0;
  std::uint64_t hashed_ = 0;
  std::uint64_t consumed_ = 0;
  bool holding_ = false;
  bool ended_ = false;
  bool stopped_ = false;
  std::exception_ptr failure_;
  std::exception_ptr hash_failure_;
  std::thread hashing_;
  std::thread filling_;
};

ReadAhead::ReadAhead(ByteStream& source, std::optional<Algorithm> hash, std::size_t chunk_count)
    : ring_(std::make_unique<Ring>(source, hash, chunk_count)) {}

ReadAhead::~ReadAhead() = default;

ByteView ReadAhead::next() { return ring_->next(); }

BlobDigest ReadAhead::digest() { return ring_->digest(); }

}  // namespace sealroot
