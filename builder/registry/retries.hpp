// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// How often and how soon what broke is tried again: five times in a row without a byte gained, after 0.2 s, then twice
// as long each time, or as long as the other side says.
#pragma once

#include <functional>

#include "builder/registry/http.hpp"

namespace sealroot {

class Retries {
 public:
  /// `cancelled` ends a wait.
  explicit Retries(std::function<bool()> cancelled = nullptr) : cancelled_(std::move(cancelled)) {}

  /// Waits until it is time for another try. Throws what `error` says if there is to be none.
  void after(const BrokenTransfer& error);

  /// Something came: the next failure is a first one again.
  void progressed() { in_a_row_ = 0; }

  /// Calls `action` until it does not throw BrokenTransfer.
  template <typename Action>
  static auto around(Action&& action) {
    for (Retries retries;;) {
      try {
        return action();
      } catch (const BrokenTransfer& error) {
        retries.after(error);
      }
    }
  }

 private:
  std::function<bool()> cancelled_;
  unsigned in_a_row_ = 0;
  unsigned in_all_ = 0;
};

}  // namespace sealroot
