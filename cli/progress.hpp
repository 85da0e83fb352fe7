// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// What a command tells on stderr while it runs, see --progress: for people a line a phase, which on a terminal counts
// bytes; for programs JSON lines (docs/json.md).
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace CLI {
class App;
}

namespace sealroot {

struct ProgressOptions {
  std::string form = "auto";
  bool quiet = false;
};

/// --progress and --quiet; `options` must outlive the command.
void add_progress_options(CLI::App& command, ProgressOptions& options);

class ProgressPrinter {
 public:
  explicit ProgressPrinter(const ProgressOptions& options);
  /// Ends the line that is being redrawn, or tells how far the last phase came.
  ~ProgressPrinter();
  ProgressPrinter(const ProgressPrinter&) = delete;
  ProgressPrinter& operator=(const ProgressPrinter&) = delete;

  /// Bytes done, and of all; 0: nobody knows.
  void operator()(const std::string& phase, std::uint64_t done, std::uint64_t total);

 private:
  enum class Form : std::uint8_t { none, plain, terminal, json };

  static Form choose(const ProgressOptions& options);
  void finish_phase();
  void show();

  Form form_;
  std::string phase_;
  std::uint64_t done_ = 0;
  std::uint64_t total_ = 0;
  bool shown_ = true;  // what done_ and total_ are
  std::chrono::steady_clock::time_point shown_at_{};
};

/// `1.5 MiB` and the like, for people.
std::string human_size(std::uint64_t bytes);

}  // namespace sealroot
