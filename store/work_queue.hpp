// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Jobs for a fixed set of threads, and the fixed number of buffers they work on. Waiting for a free buffer is what
// holds a fast source back.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <thread>
#include <vector>

#include "store/core/bytes.hpp"
#include "store/core/digest.hpp"
#include "store/direct_file.hpp"

namespace sealroot {

class WorkQueue {
 public:
  static constexpr std::size_t buffer_bytes = 256 * verity_block_size;
  /// buffer_bytes of memory, not initialised, at the start of a block, as DirectFile needs it.
  struct Free {
    void operator()(std::uint8_t* buffer) const { ::operator delete[](buffer, alignment); }
  };
  using Buffer = std::unique_ptr<std::uint8_t[], Free>;
  using Job = std::function<void(std::uint8_t* buffer)>;

  /// `threads` 1: no thread is started, submit() does the job. `jobs_ahead` of those without a buffer may wait, or as
  /// many as there are buffers.
  explicit WorkQueue(unsigned threads, std::size_t jobs_ahead = 0);
  /// Drops the jobs that have not started and waits for those that have.
  ~WorkQueue();
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  /// A buffer that nobody uses, waited for if need be; rethrows the first error of a job.
  Buffer acquire();
  /// Does `job` with `buffer` soon, on any thread; the buffer is free afterwards.
  void submit(Buffer buffer, Job job);
  /// Likewise, with the buffer of the thread that does it, which stays in that thread's cache. Waits while too many
  /// wait.
  void submit(Job job);
  /// Waits for all jobs; rethrows the first error of one.
  void wait();

  /// Records an error as if a job had thrown it.
  void fail(std::exception_ptr error);
  void rethrow_error();

 private:
  struct Item {
    Buffer buffer;  ///< null: the thread's own
    Job job;
  };

  static constexpr std::align_val_t alignment{DirectFile::block_bytes};
  static Buffer make_buffer();
  void enqueue(Item item);
  void work();
  void run(Item item, Buffer& own);

  std::mutex mutex_;
  std::condition_variable job_ready_;  ///< for workers: a job is there, or stopping_
  std::condition_variable job_done_;   ///< for the source: a buffer is free, all is done, or an error is there
  std::deque<Item> jobs_;
  std::vector<Buffer> free_;
  std::size_t max_jobs_;
  std::size_t buffers_left_;  ///< that may still be made
  std::size_t unfinished_ = 0;
  std::exception_ptr error_;
  bool stopping_ = false;
  Buffer callers_buffer_;  ///< where there are no threads
  std::vector<std::thread> threads_;
};

}  // namespace sealroot
