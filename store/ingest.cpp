// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/ingest.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <thread>

#include "store/core/error.hpp"
#include "store/large_content.hpp"
#include "store/names.hpp"
#include "store/read_pieces.hpp"
#include "store/verity/batch.hpp"
#include "store/work_queue.hpp"

namespace sealroot {

namespace {

void read_range(const Fd& file, std::uint64_t offset, std::span<std::uint8_t> out) {
  const std::size_t got = read_at(file, out, offset);
  if (got == out.size()) return;
  throw Error(Fault::malformed, "the source has been cut to " + std::to_string(offset + got) + " bytes meanwhile");
}

/// Where nothing is written, a source that only names ranges of a file may be a gigabyte ahead: it is done early, and
/// what has to wait for it is not left over at the end. A large content that waits to be written has a file open.
constexpr std::size_t jobs_ahead = 1024;

/// The sizes above `limit_bytes` of what is in the store.
std::set<std::uint64_t> sizes_of_objects(const ObjectStore& store, std::uint64_t limit_bytes) {
  std::set<std::uint64_t> sizes;
  for (const Digest& digest : read_object_names(store).objects) {
    const std::uint64_t size = store.usage(digest).size_bytes;
    if (size > limit_bytes) sizes.insert(size);
  }
  return sizes;
}

}  // namespace

/// The source's side: fills buffers and hands them to the queue. All but results_ belongs to the source thread.
class Ingest::Pipeline {
 public:
  Pipeline(const ObjectStore* store, Algorithm algorithm, unsigned threads)
      : store_(store), algorithm_(algorithm), queue_(threads, store == nullptr ? jobs_ahead : 0) {}

  Algorithm algorithm() const { return algorithm_; }
  void keep(std::function<bool(std::string_view path)> wanted) { wanted_ = std::move(wanted); }
  ContentId begin(std::uint64_t size_bytes, std::string_view path);
  void write(ByteView data);
  void end();
  ContentId add_range(std::shared_ptr<const Fd> file, std::uint64_t offset, std::uint64_t size_bytes,
                      std::string_view path);
  ContentId add_stored(const Digest& digest);
  void abandon();
  SpillTable<Digest> finish();
  std::map<Digest, std::vector<std::uint8_t>> take_kept() { return std::move(kept_); }

 private:
  struct SmallContent {
    ContentId id = 0;
    std::size_t offset = 0;
    std::size_t size_bytes = 0;
    std::shared_ptr<const Fd> file = nullptr;  ///< that the bytes still have to be read from; null: they are there
    std::uint64_t file_offset = 0;
  };

  bool is_large() const { return size_bytes_ > small_content_limit; }
  void announce(std::uint64_t size_bytes, std::string_view path);
  void open();
  void start_keeping(std::string_view path);
  void place_in_batch(SmallContent content);
  void submit_batch();
  void submit_segment();
  void submit_range(const std::shared_ptr<const Fd>& file, std::uint64_t offset);
  void store_batch(std::uint8_t* buffer, const std::vector<SmallContent>& contents);
  Digest store_range(const Fd& file, std::uint64_t offset, std::uint64_t size_bytes) const;
  void set_result(ContentId id, const Digest& digest);

  const ObjectStore* store_;
  Algorithm algorithm_;

  ContentId id_ = 0;              ///< of the next content, or the open one
  bool open_ = false;             ///< between begin() and end()
  std::uint64_t size_bytes_ = 0;  ///< announced
  std::uint64_t written_bytes_ = 0;

  WorkQueue::Buffer batch_;  ///< small contents, each at the start of a block
  std::size_t batch_used_ = 0;
  std::vector<SmallContent> contents_;

  std::function<bool(std::string_view path)> wanted_;
  std::map<ContentId, std::vector<std::uint8_t>> keeping_;
  std::map<Digest, std::vector<std::uint8_t>> kept_;
  std::uint64_t kept_bytes_ = 0;

  std::shared_ptr<LargeContent> large_;
  WorkQueue::Buffer segment_;
  std::size_t segment_used_ = 0;
  std::uint64_t segment_index_ = 0;
  std::optional<std::set<std::uint64_t>> large_sizes_;  ///< of objects that were there before the first range

  std::mutex results_mutex_;
  SpillTable<Digest> results_;

  WorkQueue queue_;  ///< last: its threads use all of the above and are joined first
};

void Ingest::Pipeline::start_keeping(std::string_view path) {
  constexpr std::uint64_t max_bytes_each = 16U << 20;
  constexpr std::uint64_t max_bytes = 64U << 20;
  if (!wanted_ || size_bytes_ > max_bytes_each || kept_bytes_ + size_bytes_ > max_bytes || !wanted_(path)) return;
  kept_bytes_ += size_bytes_;
  keeping_[id_].reserve(static_cast<std::size_t>(size_bytes_));
}

/// What begin() and add_range() have in common; a small content fits into the batch afterwards.
void Ingest::Pipeline::announce(std::uint64_t size_bytes, std::string_view path) {
  assert(!open_);
  queue_.rethrow_error();
  size_bytes_ = size_bytes;
  written_bytes_ = 0;
  start_keeping(path);
  {
    const std::lock_guard lock(results_mutex_);
    results_.emplace_back(algorithm_, ByteView(std::array<std::uint8_t, max_digest_size>{}));
  }
  if (is_large()) return;
  const std::size_t room = round_up(static_cast<std::size_t>(size_bytes), verity_block_size);
  if (batch_used_ + room > WorkQueue::buffer_bytes) submit_batch();
}

ContentId Ingest::Pipeline::begin(std::uint64_t size_bytes, std::string_view path) {
  announce(size_bytes, path);
  open();
  return id_;
}

void Ingest::Pipeline::open() {
  if (is_large()) {
    large_ = std::make_shared<LargeContent>(store_, algorithm_, size_bytes_, WorkQueue::buffer_bytes);
    segment_index_ = 0;
  } else if (!batch_) {
    batch_ = queue_.acquire();
  }
  open_ = true;
}

void Ingest::Pipeline::write(ByteView data) {
  assert(open_);
  // What is too much is only counted, for the message of end(): there is no room for it in a batch.
  ByteView wanted = data.first(static_cast<std::size_t>(
      std::min<std::uint64_t>(data.size(), size_bytes_ - std::min(size_bytes_, written_bytes_))));
  const std::uint64_t offset = written_bytes_;
  written_bytes_ += data.size();
  if (const auto kept = keeping_.find(id_); kept != keeping_.end()) {
    kept->second.insert(kept->second.end(), wanted.begin(), wanted.end());
  }
  if (!is_large()) {
    if (!wanted.empty()) std::memcpy(batch_.get() + batch_used_ + offset, wanted.data(), wanted.size());
    return;
  }
  while (!wanted.empty()) {
    if (!segment_) segment_ = queue_.acquire();
    const std::size_t taken = std::min(wanted.size(), WorkQueue::buffer_bytes - segment_used_);
    std::memcpy(segment_.get() + segment_used_, wanted.data(), taken);
    segment_used_ += taken;
    wanted = wanted.subspan(taken);
    if (segment_used_ == WorkQueue::buffer_bytes) submit_segment();
  }
}

void Ingest::Pipeline::end() {
  assert(open_);
  open_ = false;
  if (written_bytes_ != size_bytes_) {
    const Error error(Fault::malformed, "content has " + std::to_string(written_bytes_) + " bytes, but " +
                                            std::to_string(size_bytes_) + " were announced");
    queue_.fail(std::make_exception_ptr(error));
    throw error;
  }
  if (is_large()) {
    if (segment_used_ > 0) submit_segment();
    large_.reset();
  } else {
    place_in_batch({id_, batch_used_, static_cast<std::size_t>(size_bytes_)});
  }
  ++id_;
}

void Ingest::Pipeline::place_in_batch(SmallContent content) {
  batch_used_ += round_up(content.size_bytes, verity_block_size);
  contents_.push_back(std::move(content));
}

ContentId Ingest::Pipeline::add_range(std::shared_ptr<const Fd> file, std::uint64_t offset, std::uint64_t size_bytes,
                                      std::string_view path) {
  announce(size_bytes, path);
  if (keeping_.contains(id_)) {
    Bytes content(static_cast<std::size_t>(size_bytes));
    read_range(*file, offset, content);
    open();
    write(content);
    end();
    return id_ - 1;
  }
  if (is_large()) {
    submit_range(file, offset);
  } else {
    place_in_batch({id_, batch_used_, static_cast<std::size_t>(size_bytes), std::move(file), offset});
  }
  return id_++;
}

/// Of a large content of which an object of equal size is there, only the digest is computed at first: to find out
/// that it is the same costs less than to write it once more.
void Ingest::Pipeline::submit_range(const std::shared_ptr<const Fd>& file, std::uint64_t offset) {
  if (store_ != nullptr && !large_sizes_) large_sizes_ = sizes_of_objects(*store_, WorkQueue::buffer_bytes);
  const bool may_be_there = store_ != nullptr && large_sizes_->contains(size_bytes_);
  const auto large =
      std::make_shared<LargeContent>(may_be_there ? nullptr : store_, algorithm_, size_bytes_, WorkQueue::buffer_bytes);
  for (std::uint64_t done = 0, index = 0; done < size_bytes_; done += WorkQueue::buffer_bytes, ++index) {
    const auto used = static_cast<std::size_t>(std::min<std::uint64_t>(size_bytes_ - done, WorkQueue::buffer_bytes));
    queue_.submit([this, content = large, id = id_, size = size_bytes_, file, offset, index, used,
                   may_be_there](std::uint8_t* buffer) {
      const std::span<std::uint8_t> segment(buffer, used);
      read_range(*file, offset + index * WorkQueue::buffer_bytes, segment);
      std::optional<Digest> digest = content->add_segment(index, segment);
      if (!digest) return;
      if (may_be_there && !store_->contains_intact(*digest, size)) digest = store_range(*file, offset, size);
      set_result(id, *digest);
    });
  }
}

Digest Ingest::Pipeline::store_range(const Fd& file, std::uint64_t offset, std::uint64_t size_bytes) const {
  LargeContent content(store_, algorithm_, size_bytes, WorkQueue::buffer_bytes);
  Bytes segment(WorkQueue::buffer_bytes);
  for (std::uint64_t done = 0, index = 0;; done += segment.size(), ++index) {
    segment.resize(static_cast<std::size_t>(std::min<std::uint64_t>(size_bytes - done, segment.size())));
    read_range(file, offset + done, segment);
    if (const std::optional<Digest> digest = content.add_segment(index, segment)) return *digest;
  }
}

ContentId Ingest::Pipeline::add_stored(const Digest& digest) {
  assert(!open_);
  const std::lock_guard lock(results_mutex_);
  results_.push_back(digest);
  return id_++;
}

void Ingest::Pipeline::abandon() {
  if (!open_) return;
  open_ = false;
  large_.reset();
  segment_used_ = 0;
  keeping_.erase(id_);
  ++id_;
}

void Ingest::Pipeline::submit_segment() {
  const std::size_t used = std::exchange(segment_used_, 0);
  queue_.submit(std::move(segment_),
                [this, content = large_, id = id_, index = segment_index_++, used](const std::uint8_t* buffer) {
                  const std::optional<Digest> digest = content->add_segment(index, ByteView(buffer, used));
                  if (digest) set_result(id, *digest);
                });
}

void Ingest::Pipeline::submit_batch() {
  batch_used_ = 0;
  if (contents_.empty()) return;
  auto job = [this, contents = std::exchange(contents_, {})](std::uint8_t* buffer) { store_batch(buffer, contents); };
  batch_ ? queue_.submit(std::move(batch_), std::move(job)) : queue_.submit(std::move(job));
}

void Ingest::Pipeline::store_batch(std::uint8_t* buffer, const std::vector<SmallContent>& contents) {
  std::vector<PaddedContent> padded;
  padded.reserve(contents.size());
  for (const SmallContent& content : contents) {
    std::uint8_t* const data = buffer + content.offset;
    if (content.file) read_range(*content.file, content.file_offset, std::span(data, content.size_bytes));
    const std::size_t padding = round_up(content.size_bytes, verity_block_size) - content.size_bytes;
    std::memset(data + content.size_bytes, 0, padding);
    padded.push_back({data, content.size_bytes});
  }
  const std::vector<Digest> digests = measure_batch(algorithm_, padded);
  for (std::size_t i = 0; i < contents.size(); ++i) {
    if (store_ != nullptr) store_->put_measured(digests[i], ByteView(padded[i].data, padded[i].size_bytes));
    set_result(contents[i].id, digests[i]);
  }
}

void Ingest::Pipeline::set_result(ContentId id, const Digest& digest) {
  const std::lock_guard lock(results_mutex_);
  results_[id] = digest;
}

SpillTable<Digest> Ingest::Pipeline::finish() {
  assert(!open_);
  queue_.rethrow_error();
  submit_batch();
  queue_.wait();
  if (store_ != nullptr) store_->start_sync();
  for (auto& [id, content] : keeping_) kept_.emplace(results_[id], std::move(content));
  return std::move(results_);
}

Ingest::Ingest(const ObjectStore* store, Algorithm algorithm, unsigned threads)
    : pipeline_(std::make_unique<Pipeline>(
          store, algorithm, threads != 0 ? threads : std::max(1U, std::thread::hardware_concurrency()))) {
  assert(store == nullptr || store->algorithm() == algorithm);
}

Ingest::~Ingest() = default;

Algorithm Ingest::algorithm() const { return pipeline_->algorithm(); }
void Ingest::keep(std::function<bool(std::string_view path)> wanted) { pipeline_->keep(std::move(wanted)); }
ContentId Ingest::begin(std::uint64_t size_bytes, std::string_view path) { return pipeline_->begin(size_bytes, path); }
void Ingest::write(ByteView data) { pipeline_->write(data); }
void Ingest::end() { pipeline_->end(); }
ContentId Ingest::add_range(std::shared_ptr<const Fd> file, std::uint64_t offset, std::uint64_t size_bytes,
                            std::string_view path) {
  return pipeline_->add_range(std::move(file), offset, size_bytes, path);
}
ContentId Ingest::add_stored(const Digest& digest) { return pipeline_->add_stored(digest); }
void Ingest::abandon() { pipeline_->abandon(); }
SpillTable<Digest> Ingest::finish() { return pipeline_->finish(); }
std::map<Digest, std::vector<std::uint8_t>> Ingest::take_kept() { return pipeline_->take_kept(); }

}  // namespace sealroot
