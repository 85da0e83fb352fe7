// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/registry/retries.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

namespace sealroot {

namespace {

using std::chrono::milliseconds;

constexpr unsigned max_in_a_row = 5;
constexpr unsigned max_in_all = 200;  // a byte a connection is no way to serve a blob
constexpr unsigned longest_wait_seconds = 120;
constexpr milliseconds first_wait{200};
constexpr milliseconds step{50};

}  // namespace

void Retries::after(const BrokenTransfer& error) {
  ++in_all_;
  if (++in_a_row_ >= max_in_a_row || in_all_ >= max_in_all) {
    throw Error(error.fault(), std::string(error.what()) + "; given up after " + std::to_string(in_all_) + " tries");
  }
  if (error.wait_seconds() > longest_wait_seconds) {
    throw Error(error.fault(), std::string(error.what()) + "; it asks to wait for " +
                                   std::to_string(error.wait_seconds()) + " seconds: try again later");
  }
  milliseconds left =
      std::max<milliseconds>(first_wait * (1U << (in_a_row_ - 1)), std::chrono::seconds(error.wait_seconds()));
  for (; left > milliseconds(0) && !(cancelled_ && cancelled_()); left -= step) std::this_thread::sleep_for(step);
}

}  // namespace sealroot
