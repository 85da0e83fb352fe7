// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "cli/progress.hpp"

#include <unistd.h>

#include <array>
#include <cstdio>

namespace sealroot {

ProgressPrinter::ProgressPrinter(bool quiet) : quiet_(quiet), terminal_(::isatty(STDERR_FILENO) == 1) {}

ProgressPrinter::~ProgressPrinter() {
  if (terminal_ && !quiet_ && !phase_.empty()) std::fputc('\n', stderr);
}

void ProgressPrinter::operator()(const std::string& phase, std::uint64_t done, std::uint64_t total) {
  if (quiet_) return;
  const bool fresh = phase != phase_;
  if (!terminal_) {
    if (fresh) std::fprintf(stderr, "%s\n", phase.c_str());
    phase_ = phase;
    return;
  }
  if (fresh && !phase_.empty()) std::fputc('\n', stderr);
  phase_ = phase;
  const auto now = std::chrono::steady_clock::now();
  if (!fresh && now - drawn_ < std::chrono::milliseconds(100) && done != total) return;
  drawn_ = now;
  draw(done, total);
}

void ProgressPrinter::draw(std::uint64_t done, std::uint64_t total) {
  std::string line = phase_;
  if (total != 0) {
    line += "  " + human_size(done) + " of " + human_size(total);
  } else if (done != 0) {
    line += "  " + human_size(done);
  }
  std::fprintf(stderr, "\r\x1b[K%s", line.c_str());
  std::fflush(stderr);
}

std::string human_size(std::uint64_t bytes) {
  constexpr std::array<const char*, 5> units{"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < units.size(); ++unit) value /= 1024;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
  return text.data();
}

}  // namespace sealroot
