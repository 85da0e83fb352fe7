// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/for_each_index.hpp"

#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>
#include <vector>

namespace sealroot {

void for_each_index(std::size_t count, unsigned threads, const std::function<void(std::size_t, Bytes& buffer)>& job) {
  constexpr std::size_t buffer_bytes = std::size_t{1} << 20;
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    Bytes buffer(buffer_bytes);
    for (std::size_t i = next++; i < count; i = next++) job(i, buffer);
  };
  if (threads == 0) threads = std::max(1U, std::thread::hardware_concurrency());
  std::vector<std::jthread> helpers;
  try {
    for (unsigned i = 1; i < threads; ++i) helpers.emplace_back(work);
  } catch (const std::system_error&) {
    // No more threads to be had: those there are do the work.
  }
  work();
}

}  // namespace sealroot
