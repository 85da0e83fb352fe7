// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/registry/blob_download.hpp"

#include <algorithm>

#include "builder/registry/retries.hpp"
#include "store/core/error.hpp"

namespace sealroot {

namespace {

constexpr std::size_t ring_size = std::size_t{4} << 20;

}  // namespace

BlobDownload::BlobDownload(RegistryClient& client, BlobDigest digest, std::uint64_t size_bytes)
    : client_(client), digest_(std::move(digest)), size_bytes_(size_bytes) {
  ring_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(ring_size, size_bytes + 1)));
  thread_ = std::thread([this] { fetch(); });
}

BlobDownload::~BlobDownload() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

bool BlobDownload::stopped() {
  const std::lock_guard lock(mutex_);
  return stopped_;
}

std::size_t BlobDownload::read(std::span<std::uint8_t> out) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return received_ > given_ || ended_; });
  if (received_ == given_) {
    if (failure_) std::rethrow_exception(failure_);
    return 0;
  }
  const std::size_t at = static_cast<std::size_t>(given_ % ring_.size());
  const std::size_t count = std::min({out.size(), static_cast<std::size_t>(received_ - given_), ring_.size() - at});
  std::copy_n(ring_.begin() + static_cast<std::ptrdiff_t>(at), count, out.begin());
  given_ += count;
  lock.unlock();
  changed_.notify_all();
  return count;
}

/// False when nobody wants more.
bool BlobDownload::take(ByteView piece) {
  std::unique_lock lock(mutex_);
  piece = piece.first(static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), size_bytes_ + 1 - received_)));
  while (!piece.empty()) {
    changed_.wait(lock, [&] { return stopped_ || received_ - given_ < ring_.size(); });
    if (stopped_) return false;
    const std::size_t at = static_cast<std::size_t>(received_ % ring_.size());
    const std::size_t room = ring_.size() - static_cast<std::size_t>(received_ - given_);
    const std::size_t count = std::min({piece.size(), room, ring_.size() - at});
    std::copy_n(piece.begin(), count, ring_.begin() + static_cast<std::ptrdiff_t>(at));
    received_ += count;
    piece = piece.subspan(count);
    changed_.notify_all();
  }
  return received_ <= size_bytes_;
}

void BlobDownload::check_range(const HttpResponse& head, std::uint64_t start) const {
  const std::string range = head.header("content-range");
  if (head.status == 206 && range.starts_with("bytes " + std::to_string(start) + "-")) return;
  throw Error(Fault::malformed, "blob " + digest_.text() + ": asked for the bytes from " + std::to_string(start) +
                                    " on, the registry answers with others: " + quoted(range.substr(0, 100)));
}

/// From the first byte that is missing; a registry that begins anew is listened to until it comes there.
void BlobDownload::fetch_rest() {
  const std::uint64_t start = received_;  // only this thread writes it
  RegistryRequest request{.path = "blobs/" + digest_.text()};
  if (start > 0) request.headers.push_back("Range: bytes=" + std::to_string(start) + "-");
  std::uint64_t to_skip = 0;
  bool begun = false;
  client_.exchange(
      request,
      [&](const HttpResponse& head, ByteView piece) {
        if (!begun && head.status == 200) to_skip = start;
        if (!begun && head.status != 200) check_range(head, start);
        begun = true;
        const auto skipped = static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), to_skip));
        to_skip -= skipped;
        return take(piece.subspan(skipped));
      },
      [this] { return stopped(); });
}

void BlobDownload::fetch() {
  std::exception_ptr failure;
  try {
    Retries retries([this] { return stopped(); });
    for (bool done = false; !done && !stopped();) {
      const std::uint64_t before = received_;
      try {
        fetch_rest();
        done = true;
      } catch (const BrokenTransfer& error) {
        done = received_ >= size_bytes_;  // all is there but the end of the answer
        if (received_ > before) retries.progressed();
        if (!done) retries.after(error);
      }
    }
  } catch (...) {
    failure = std::current_exception();
  }
  const std::lock_guard lock(mutex_);
  failure_ = failure;
  ended_ = true;
  changed_.notify_all();
}

}  // namespace sealroot
