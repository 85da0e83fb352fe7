// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/disk/uuid.hpp"

#include <openssl/sha.h>

#include <algorithm>

#include "store/core/digest_text.hpp"

namespace sealroot {

Uuid derive_uuid(const Digest& seed, std::string_view purpose) {
  // The NUL keeps purpose and digest apart whatever their lengths are.
  std::string input = "sealroot disk ";
  input += purpose;
  input += '\0';
  input += as_text(seed.bytes());
  std::array<std::uint8_t, SHA256_DIGEST_LENGTH> hash{};
  SHA256(as_bytes(input).data(), input.size(), hash.data());

  Uuid uuid{};
  std::copy_n(hash.begin(), uuid.size(), uuid.begin());
  uuid[6] = static_cast<std::uint8_t>((uuid[6] & 0x0fU) | 0x80U);  // version 8
  uuid[8] = static_cast<std::uint8_t>((uuid[8] & 0x3fU) | 0x80U);  // variant of RFC 9562
  return uuid;
}

std::string to_text(const Uuid& uuid) {
  std::string text = to_hex(ByteView(uuid));
  for (const std::size_t dash : {8U, 13U, 18U, 23U}) text.insert(dash, 1, '-');
  return text;
}

}  // namespace sealroot
