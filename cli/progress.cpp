// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "cli/progress.hpp"

#include <unistd.h>

#include <array>
#include <cstdio>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/print_record.hpp"

namespace sealroot {

namespace {

constexpr std::chrono::milliseconds shown_each{100};
constexpr int json_version = 1;

}  // namespace

void add_progress_options(CLI::App& command, ProgressOptions& options) {
  CLI::Option* const form =
      command
          .add_option("--progress", options.form,
                      "what stderr gets: tty a line that moves, plain\na line a phase, json JSON lines, none\nnothing; "
                      "auto: tty on a terminal, else plain")
          ->check(CLI::IsMember({"auto", "tty", "plain", "json", "none"}))
          ->type_name("FORM")
          ->capture_default_str();
  command.add_flag("-q,--quiet", options.quiet, "no progress on stderr")->excludes(form);
}

ProgressPrinter::ProgressPrinter(const ProgressOptions& options) : form_(choose(options)) {}

ProgressPrinter::~ProgressPrinter() { finish_phase(); }

ProgressPrinter::Form ProgressPrinter::choose(const ProgressOptions& options) {
  if (options.quiet || options.form == "none") return Form::none;
  if (options.form == "json") return Form::json;
  if (options.form == "auto") return ::isatty(STDERR_FILENO) == 1 ? Form::terminal : Form::plain;
  return options.form == "tty" ? Form::terminal : Form::plain;
}

void ProgressPrinter::operator()(const std::string& phase, std::uint64_t done, std::uint64_t total) {
  if (form_ == Form::none) return;
  const bool fresh = phase != phase_;
  if (fresh) {
    finish_phase();
    phase_ = phase;
    if (form_ == Form::plain) std::fprintf(stderr, "%s\n", phase.c_str());
  }
  if (form_ == Form::plain) return;
  done_ = done;
  total_ = total;
  shown_ = false;
  const auto now = std::chrono::steady_clock::now();
  if (!fresh && now - shown_at_ < shown_each && done != total) return;
  shown_at_ = now;
  show();
}

void ProgressPrinter::finish_phase() {
  if (phase_.empty()) return;
  if (!shown_) show();
  if (form_ == Form::terminal) std::fputc('\n', stderr);
}

void ProgressPrinter::show() {
  shown_ = true;
  if (form_ == Form::json) {
    nlohmann::ordered_json record = {{"version", json_version}, {"phase", phase_}, {"done", done_}, {"total", nullptr}};
    if (total_ != 0) record["total"] = total_;
    std::fprintf(stderr, "%s\n", record_line(record).c_str());
    return;
  }
  std::string line = phase_;
  if (total_ != 0) {
    line += "  " + human_size(done_) + " of " + human_size(total_);
  } else if (done_ != 0) {
    line += "  " + human_size(done_);
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
