// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Has a file system write to the disk what it holds while more is made, so that the one syncfs that makes everything
// durable finds little left to do.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

#include "store/core/fd.hpp"

namespace sealroot {

class EarlySync {
 public:
  static constexpr std::uint64_t default_step_bytes = 128U << 20;

  explicit EarlySync(std::uint64_t step_bytes = default_step_bytes) : step_bytes_(step_bytes) {}
  /// Waits for the sync that is under way.
  ~EarlySync();
  EarlySync(const EarlySync&) = delete;
  EarlySync& operator=(const EarlySync&) = delete;

  /// To be told of everything written to the file system of `directory`, always the same: each `step_bytes` a thread,
  /// which starts with the first, syncs it.
  ///   throws   nothing: this is a hint, and what fails here, the last syncfs reports
  ///   threads  safe
  void wrote(const Fd& directory, std::uint64_t size_bytes);

  /// Starts one now if a quarter of a step has been written since the last one: no more is to come for a while.
  void start(const Fd& directory);

 private:
  void sync_after(const Fd& directory, std::uint64_t size_bytes);
  void sync_when_asked();

  const std::uint64_t step_bytes_;
  std::mutex mutex_;
  std::condition_variable asked_;
  std::uint64_t unsynced_bytes_ = 0;
  bool wanted_ = false;
  bool stopping_ = false;
  Fd own_directory_;
  std::thread thread_;
};

}  // namespace sealroot
