// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/verity/kernel.hpp"

#include <linux/fsverity.h>
#include <sys/ioctl.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <thread>

#include "store/core/error.hpp"

namespace sealroot {

namespace {

/// fsverity_digest of linux/fsverity.h, whose flexible array C++ can't embed.
struct MeasuredDigest {
  std::uint16_t digest_algorithm = 0;
  std::uint16_t digest_size = max_digest_size;
  std::array<std::uint8_t, max_digest_size> value{};
};
static_assert(offsetof(MeasuredDigest, value) == offsetof(fsverity_digest, digest));

constexpr int busy_retries = 1000;
constexpr std::chrono::milliseconds busy_pause{2};

bool means_unsupported(int error_number) {
  // ENOPKG: the kernel lacks the hash algorithm. EINVAL is not here: it would hide a wrong argument.
  return error_number == ENOTTY || error_number == EOPNOTSUPP || error_number == ENOPKG;
}

}  // namespace

bool try_seal(const Fd& file, Algorithm algorithm) {
  fsverity_enable_arg argument{};
  argument.version = 1;
  argument.hash_algorithm = static_cast<std::uint32_t>(algorithm);
  argument.block_size = verity_block_size;
  for (int attempt = 0;; ++attempt) {
    if (::ioctl(file.get(), FS_IOC_ENABLE_VERITY, &argument) == 0 || errno == EEXIST) return true;
    if (means_unsupported(errno)) return false;
    if (errno == EINTR) continue;
    // A child between fork and exec holds a copy of the writable descriptor for a moment.
    if (errno != ETXTBSY || attempt == busy_retries) throw os_error("enabling fs-verity");
    std::this_thread::sleep_for(busy_pause);
  }
}

std::optional<Digest> try_measure(const Fd& file) {
  MeasuredDigest measured;
  if (::ioctl(file.get(), FS_IOC_MEASURE_VERITY, &measured) < 0) {
    if (errno == ENODATA || means_unsupported(errno)) return std::nullopt;
    throw os_error("measuring fs-verity");
  }
  const auto algorithm = static_cast<Algorithm>(measured.digest_algorithm);
  if ((algorithm != Algorithm::sha256 && algorithm != Algorithm::sha512) ||
      measured.digest_size != digest_size(algorithm)) {
    throw Error(Fault::untrusted, "measuring fs-verity: sealed with an algorithm other than sha256 and sha512");
  }
  return Digest(algorithm, ByteView(measured.value));
}

}  // namespace sealroot
