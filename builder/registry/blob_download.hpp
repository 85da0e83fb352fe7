// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// A blob on its way from a registry: a thread fetches ahead into a ring of fixed size and waits when that is full, so
// that many can be on their way with little memory. A transfer that breaks goes on where it broke.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>

#include "builder/layer/byte_stream.hpp"
#include "builder/registry/client.hpp"

namespace sealroot {

class BlobDownload final : public ByteStream {
 public:
  /// Begins at once. `client` must outlive it. Of a blob that is larger than `size_bytes`, one byte more is given.
  BlobDownload(RegistryClient& client, BlobDigest digest, std::uint64_t size_bytes);
  /// Gives up what has not come yet.
  ~BlobDownload() override;

  std::size_t read(std::span<std::uint8_t> out) override;

 private:
  void fetch();
  void fetch_rest();
  void check_range(const HttpResponse& head, std::uint64_t start) const;
  bool take(ByteView piece);
  bool stopped();

  RegistryClient& client_;
  BlobDigest digest_;
  std::uint64_t size_bytes_;

  std::mutex mutex_;
  std::condition_variable changed_;
  Bytes ring_;
  std::uint64_t received_ = 0;  // in all
  std::uint64_t given_ = 0;
  bool ended_ = false;
  bool stopped_ = false;
  std::exception_ptr failure_;
  std::thread thread_;
};

}  // namespace sealroot
