// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/release.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "builder/boot/boot_parts.hpp"
#include "builder/uki/os_release.hpp"
#include "store/core/error.hpp"

namespace sealroot {

namespace {

std::int64_t newest_mtime(const Tree& tree) {
  std::int64_t newest = 0;
  for (const Node& node : tree.nodes) newest = std::max(newest, node.metadata.mtime_seconds);
  return newest;
}

std::int64_t choose_timestamp(const SourceResult& source) {
  if (const char* text = std::getenv("SOURCE_DATE_EPOCH")) {
    std::int64_t seconds = 0;
    const std::string_view view(text);
    const auto [end, error] = std::from_chars(view.data(), view.data() + view.size(), seconds);
    if (error != std::errc{} || end != view.data() + view.size() || seconds < 0) {
      throw Error(Fault::usage, "SOURCE_DATE_EPOCH " + quoted(view) + ": not a number of seconds");
    }
    return seconds;
  }
  if (source.info.config.created) {
    if (const auto seconds = try_parse_rfc3339(*source.info.config.created)) return std::max<std::int64_t>(*seconds, 0);
  }
  return newest_mtime(source.tree);
}

std::string compact_time(std::int64_t timestamp) {
  using namespace std::chrono;
  const sys_seconds time{seconds{timestamp}};
  const sys_days day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{time - day};
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%04d%02u%02u%02d%02d%02d", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text.data();
}

/// `value`, or Error{usage} saying which option replaces it.
std::string entry_name(const std::string& value, const std::string& what, const std::string& option) {
  if (is_entry_name(value)) return value;
  throw Error(Fault::usage, what + " " + quoted(value) +
                                ": a boot entry is named with letters, digits and +_.- only; choose another with " +
                                option);
}

/// systemd-boot takes `+LEFT` or `+LEFT-DONE` at the end of an entry's name for its count of tries, and renames it.
void check_no_counter(const std::string& version) {
  const std::size_t plus = std::min(version.find_last_of('+'), version.size());
  const std::string end = version.substr(plus);
  if (end.size() < 2 || end.find_first_not_of("0123456789-", 1) != std::string::npos) return;
  throw Error(Fault::usage, "image version " + quoted(version) + ": boot loaders take " + quoted(end) +
                                " at the end of an entry's name for its tries; choose another with --image-version");
}

std::string choose_version(const BuildOptions& options, const SourceResult& source, const OsRelease& os_release,
                           std::int64_t timestamp) {
  if (options.image_version) return *options.image_version;
  const auto& labels = source.info.config.labels;
  if (const auto label = labels.find("org.opencontainers.image.version"); label != labels.end()) return label->second;
  return os_release.find("IMAGE_VERSION").value_or(compact_time(timestamp));
}

/// A number of exactly `width` digits at `offset`, -1 if there is none.
int digits(const std::string& text, std::size_t offset, std::size_t width) {
  int value = 0;
  for (std::size_t i = offset; i < offset + width; ++i) {
    if (i >= text.size() || text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

/// Seconds east of UTC that `Z` or `+hh:mm` at the end of a time says.
std::optional<int> zone_offset(const std::string& text, std::size_t offset) {
  if (offset + 1 == text.size() && (text[offset] == 'Z' || text[offset] == 'z')) return 0;
  if (offset + 6 != text.size() || (text[offset] != '+' && text[offset] != '-') || text[offset + 3] != ':') {
    return std::nullopt;
  }
  const int hours = digits(text, offset + 1, 2);
  const int minutes = digits(text, offset + 4, 2);
  if (hours < 0 || minutes < 0) return std::nullopt;
  return (text[offset] == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
}

}  // namespace

std::optional<std::int64_t> try_parse_rfc3339(const std::string& text) {
  using namespace std::chrono;
  const bool shaped = text.size() >= 20 && text[4] == '-' && text[7] == '-' && (text[10] == 'T' || text[10] == 't') &&
                      text[13] == ':' && text[16] == ':';
  if (!shaped) return std::nullopt;
  const int hour = digits(text, 11, 2);
  const int minute = digits(text, 14, 2);
  const int second = digits(text, 17, 2);
  const int month_number = digits(text, 5, 2);
  const int day_number = digits(text, 8, 2);
  if (digits(text, 0, 4) < 0 || month_number < 0 || day_number < 0) return std::nullopt;
  const year_month_day date{year{digits(text, 0, 4)}, month{static_cast<unsigned>(month_number)},
                            day{static_cast<unsigned>(day_number)}};
  const bool in_range = hour >= 0 && hour < 24 && minute >= 0 && minute < 60 && second >= 0 && second <= 60;
  if (!date.ok() || !in_range) return std::nullopt;
  std::size_t end = 19;
  if (text[end] == '.') {
    const std::size_t after = text.find_first_not_of("0123456789", end + 1);
    if (after == std::string::npos || after == end + 1) return std::nullopt;
    end = after;
  }
  const auto zone = zone_offset(text, end);
  if (!zone) return std::nullopt;
  return (sys_days{date}.time_since_epoch() + hours{hour} + minutes{minute} + seconds{second - *zone}).count();
}

Release make_release(const BuildOptions& options, const UkiTemplate& uki, const SourceResult& source,
                     const TreeFiles& files) {
  const std::string text = uki.os_release ? resolve_text(working_directory(), *uki.os_release) : read_os_release(files);
  const OsRelease os_release = OsRelease::parse(text);
  Release release;
  release.timestamp = choose_timestamp(source);
  const auto id = options.image_id ? options.image_id : os_release.find("IMAGE_ID");
  release.image_id = entry_name(id ? *id : os_release.find("ID").value_or("linux"), "image id", "--image-id");
  release.image_version =
      entry_name(choose_version(options, source, os_release, release.timestamp), "image version", "--image-version");
  check_no_counter(release.image_version);
  release.text = os_release_with_image(text, release.image_id, release.image_version);
  return release;
}

}  // namespace sealroot
