// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/uki/sbat.hpp"

#include <algorithm>
#include <vector>

#include "store/core/error.hpp"

namespace sealroot {
namespace {

constexpr std::string_view header = "sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md";
// Far above any real one (about 250 bytes); keeps a hostile stub or kernel from filling the image.
constexpr std::size_t max_text_size = 16384;

void check_line(std::string_view line) {
  const bool printable = std::all_of(line.begin(), line.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
  const std::size_t comma = line.find(',');
  const std::string_view generation = comma == std::string_view::npos ? "" : line.substr(comma + 1);
  const std::size_t digits = std::min(generation.find_first_not_of("0123456789"), generation.size());
  if (!printable || comma == 0 || digits == 0 || (digits < generation.size() && generation[digits] != ',')) {
    throw Error(Fault::malformed, "SBAT line " + quoted(line) + ": not of the form component,generation,...");
  }
}

}  // namespace

std::string merge_sbat(std::initializer_list<std::string_view> texts) {
  std::vector<std::string_view> lines = {header};
  for (std::string_view text : texts) {
    text = text.substr(0, text.find('\0'));
    if (text.size() > max_text_size) throw Error(Fault::malformed, "SBAT text: longer than 16 KiB");
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      std::string_view line = text.substr(0, end);
      text.remove_prefix(std::min(end + 1, text.size()));
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (line.empty() || line.starts_with("sbat,")) continue;
      check_line(line);
      if (std::find(lines.begin(), lines.end(), line) == lines.end()) lines.push_back(line);
    }
  }
  std::string merged;
  for (const std::string_view line : lines) merged.append(line).append("\n");
  return merged + '\0';
}

}  // namespace sealroot
