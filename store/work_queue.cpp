// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/work_queue.hpp"

#include <algorithm>
#include <system_error>

namespace sealroot {

namespace {

/// 16 MiB in all; with many threads, two for each: one in work, one waiting. Without threads the source itself needs
/// two: a batch of small contents stays open while large ones pass.
std::size_t buffer_count(unsigned threads) {
  constexpr std::size_t usual_count = 16;
  return threads == 1 ? 2 : std::max<std::size_t>(usual_count, 2 * std::size_t{threads});
}

}  // namespace

WorkQueue::WorkQueue(unsigned threads, std::size_t jobs_ahead)
    : max_jobs_(std::max(buffer_count(threads), jobs_ahead)), buffers_left_(buffer_count(threads)) {
  if (threads == 1) return;
  try {
    for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
  } catch (const std::system_error&) {
    // The system has no more threads to give: those that started do the work, or submit() does.
  }
}

WorkQueue::~WorkQueue() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    jobs_.clear();
  }
  job_ready_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

WorkQueue::Buffer WorkQueue::make_buffer() {
  return Buffer(static_cast<std::uint8_t*>(::operator new[](buffer_bytes, alignment)));
}

WorkQueue::Buffer WorkQueue::acquire() {
  std::unique_lock lock(mutex_);
  job_done_.wait(lock, [this] { return !free_.empty() || buffers_left_ > 0 || error_ != nullptr; });
  if (error_) std::rethrow_exception(error_);
  if (free_.empty()) {
    --buffers_left_;
    return make_buffer();
  }
  Buffer buffer = std::move(free_.back());
  free_.pop_back();
  return buffer;
}

void WorkQueue::submit(Buffer buffer, Job job) { enqueue({std::move(buffer), std::move(job)}); }

void WorkQueue::submit(Job job) {
  {
    std::unique_lock lock(mutex_);
    job_done_.wait(lock, [this] { return unfinished_ < max_jobs_ || error_ != nullptr; });
    if (error_) std::rethrow_exception(error_);
  }
  enqueue({nullptr, std::move(job)});
}

void WorkQueue::enqueue(Item item) {
  {
    const std::lock_guard lock(mutex_);
    ++unfinished_;
    if (!threads_.empty()) jobs_.push_back(std::move(item));
  }
  if (threads_.empty()) {
    run(std::move(item), callers_buffer_);
    rethrow_error();
  } else {
    job_ready_.notify_one();
  }
}

void WorkQueue::work() {
  Buffer own;
  for (;;) {
    std::unique_lock lock(mutex_);
    job_ready_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
    if (stopping_) return;
    Item item = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    run(std::move(item), own);
  }
}

/// Does one job and frees its buffer. After an error the remaining jobs are only taken off the queue.
void WorkQueue::run(Item item, Buffer& own) {
  bool failed = false;
  {
    const std::lock_guard lock(mutex_);
    failed = error_ != nullptr;
  }
  try {
    if (!failed && !item.buffer && !own) own = make_buffer();
    if (!failed) item.job(item.buffer ? item.buffer.get() : own.get());
  } catch (...) {
    fail(std::current_exception());
  }
  item.job = nullptr;  // lets go of what it holds before wait() returns
  const std::lock_guard lock(mutex_);
  if (item.buffer) free_.push_back(std::move(item.buffer));
  --unfinished_;
  job_done_.notify_all();
}

void WorkQueue::wait() {
  std::unique_lock lock(mutex_);
  job_done_.wait(lock, [this] { return unfinished_ == 0; });
  if (error_) std::rethrow_exception(error_);
}

void WorkQueue::fail(std::exception_ptr error) {
  const std::lock_guard lock(mutex_);
  if (!error_) error_ = std::move(error);
  job_done_.notify_all();
}

void WorkQueue::rethrow_error() {
  const std::lock_guard lock(mutex_);
  if (error_) std::rethrow_exception(error_);
}

}  // namespace sealroot
