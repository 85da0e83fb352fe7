// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/core/error.hpp"

#include <cerrno>
#include <cstring>

#include "store/core/hex.hpp"

namespace sealroot {

Error os_error(const std::string& what, int error_number) {
  return {Fault::os, what + ": " + strerrordesc_np(error_number)};
}

Error os_error(const std::string& what) { return os_error(what, errno); }

std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f && c != '\\' && c != '\'') {
      out += c;
    } else {
      out += {'\\', 'x', hex_digit(byte >> 4U), hex_digit(byte)};
    }
  }
  return out + "'";
}

}  // namespace sealroot
