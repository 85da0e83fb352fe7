// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/temporary_name.hpp"

#include <sys/random.h>

#include <array>
#include <cstdint>

#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/core/hex.hpp"

namespace sealroot {

namespace {

using Random = std::array<std::uint8_t, 16>;

}  // namespace

std::string temporary_name() {
  Random random{};
  if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
    throw os_error("getting random bytes");
  }
  return std::string(temporary_prefix) + to_hex(random);
}

bool is_temporary_name(std::string_view name) {
  Random random{};
  return name.starts_with(temporary_prefix) && hex_decode(name.substr(temporary_prefix.size()), random);
}

}  // namespace sealroot
