// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// What all fuzz targets share. A target hands bytes to a parser of untrusted input: it may take them or throw Error,
// and anything else that leaves it (another exception, a sanitizer's report, a broken promise of its header) is a bug.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "store/core/bytes.hpp"
#include "store/core/error.hpp"

namespace sealroot {

/// Runs `parse`; true if it took its input.
template <typename Parse>
bool accepts(Parse&& parse) {
  try {
    parse();
    return true;
  } catch (const Error&) {
    return false;
  }
}

/// Ends the program, as a sanitizer does, unless `holds`.
inline void promise(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n", what);
  std::abort();
}

/// The first part of `rest` up to `separator`, which is taken off with it; all of it if there is none.
inline std::string_view take_part(std::string_view& rest, char separator = '\0') {
  const std::size_t size = rest.find(separator);
  const std::string_view part = rest.substr(0, size);
  rest.remove_prefix(size == std::string_view::npos ? rest.size() : size + 1);
  return part;
}

}  // namespace sealroot

/// libFuzzer's entry; each target defines it once.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
