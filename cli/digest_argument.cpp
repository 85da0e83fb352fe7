// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "cli/digest_argument.hpp"

#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"

namespace sealroot {

Digest parse_digest_argument(const std::string& argument, const std::string& text) {
  const std::optional<Digest> digest = try_parse_digest(text);
  if (!digest) throw Error(Fault::usage, argument + " " + quoted(text) + ": expected HEX or sha512:HEX");
  return *digest;
}

}  // namespace sealroot
