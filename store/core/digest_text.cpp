// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/core/digest_text.hpp"

#include "store/core/error.hpp"

namespace sealroot {

std::string to_hex(ByteView bytes) {
  std::string text(2 * bytes.size(), '\0');
  hex_encode(bytes, text.data());
  return text;
}

std::string to_hex(const Digest& digest) { return to_hex(digest.bytes()); }

std::string named_digest(const Digest& digest) {
  return std::string(algorithm_name(digest.algorithm())) + ':' + to_hex(digest);
}

std::string object_path(const Digest& digest) { return to_hex(digest).insert(2, 1, '/'); }

std::optional<Digest> try_parse_object_path(std::string_view path) {
  if (path.size() < 3 || path[2] != '/') return std::nullopt;
  std::string hex(path);
  hex.erase(2, 1);
  return Digest::try_parse(hex);
}

std::string digest_token_value(const Digest& digest) {
  return "v1-" + std::string(algorithm_name(digest.algorithm())) + "-" + std::to_string(verity_log_block_size) + ":" +
         to_hex(digest);
}

std::optional<Digest> try_parse_digest_token_value(std::string_view value) {
  for (const std::string version : {"v1-", "v2-"}) {
    for (const Algorithm algorithm : {Algorithm::sha256, Algorithm::sha512}) {
      const std::string prefix =
          version + std::string(algorithm_name(algorithm)) + "-" + std::to_string(verity_log_block_size) + ":";
      if (!value.starts_with(prefix)) continue;
      const auto digest = Digest::try_parse(value.substr(prefix.size()));
      return digest && digest->algorithm() == algorithm ? digest : std::nullopt;
    }
  }
  return std::nullopt;
}

std::optional<Digest> try_parse_digest(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return Digest::try_parse(text);
  const std::optional<Digest> digest = Digest::try_parse(text.substr(colon + 1));
  if (digest && text.substr(0, colon) == algorithm_name(digest->algorithm())) return digest;
  return try_parse_digest_token_value(text);
}

Algorithm parse_algorithm(std::string_view name) {
  if (name == "sha256") return Algorithm::sha256;
  if (name == "sha512") return Algorithm::sha512;
  throw Error(Fault::usage, "digest algorithm " + quoted(name) + ": expected sha256 or sha512");
}

}  // namespace sealroot
