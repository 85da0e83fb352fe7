// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// What a build tells while it runs: one line a phase on stderr, and on a terminal a count of bytes that moves.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace sealroot {

class ProgressPrinter {
 public:
  explicit ProgressPrinter(bool quiet);
  /// Ends the line that is being redrawn.
  ~ProgressPrinter();
  ProgressPrinter(const ProgressPrinter&) = delete;
  ProgressPrinter& operator=(const ProgressPrinter&) = delete;

  void operator()(const std::string& phase, std::uint64_t done, std::uint64_t total);

 private:
  void draw(std::uint64_t done, std::uint64_t total);

  bool quiet_;
  bool terminal_;
  std::string phase_;
  std::chrono::steady_clock::time_point drawn_{};
};

/// `1.5 MiB` and the like, for people.
std::string human_size(std::uint64_t bytes);

}  // namespace sealroot
