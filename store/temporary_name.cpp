// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/temporary_name.hpp"

#include <sys/random.h>

#include <array>
#include <cstdint>

#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"

namespace sealroot {

std::string temporary_name() {
  std::array<std::uint8_t, 16> random{};
  if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
    throw os_error("getting random bytes");
  }
  return std::string(temporary_prefix) + to_hex(random);
}

}  // namespace sealroot
