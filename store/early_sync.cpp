// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/early_sync.hpp"

#include <unistd.h>

#include <system_error>

namespace sealroot {

EarlySync::~EarlySync() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  asked_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void EarlySync::wrote(const Fd& directory, std::uint64_t size_bytes) {
  const std::lock_guard lock(mutex_);
  unsynced_bytes_ += size_bytes;
  sync_after(directory, step_bytes_);
}

void EarlySync::start(const Fd& directory) {
  const std::lock_guard lock(mutex_);
  sync_after(directory, step_bytes_ / 4);
}

/// With mutex_ held.
void EarlySync::sync_after(const Fd& directory, std::uint64_t size_bytes) {
  if (unsynced_bytes_ < size_bytes) return;
  unsynced_bytes_ = 0;
  wanted_ = true;
  asked_.notify_one();
  if (own_directory_) return;
  // syncfs tells each open file of an error once, and the last one must hear of it: it has another descriptor.
  own_directory_ = Fd(::openat(directory.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!own_directory_) return;
  try {
    thread_ = std::thread([this] { sync_when_asked(); });
  } catch (const std::system_error&) {
    // The system has no more threads to give: the last syncfs then has more to do.
  }
}

void EarlySync::sync_when_asked() {
  std::unique_lock lock(mutex_);
  for (;;) {
    asked_.wait(lock, [this] { return wanted_ || stopping_; });
    if (stopping_) return;
    wanted_ = false;
    lock.unlock();
    static_cast<void>(::syncfs(own_directory_.get()));
    lock.lock();
  }
}

}  // namespace sealroot
