// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Splitstreams of composefs-rs: a byte stream (the tar of a layer, a manifest, a config) whose larger parts are
// objects, so that it can be made again byte for byte.
//
//   0   header        "SplitStream", version, digest algorithm, where info is
//       info          where the sections are; content type; size of the whole stream
//       stream refs   digests of other splitstreams and of images, which gc keeps with this one
//       object refs   digests of contents
//       named refs    zstd: "INDEX:NAME\0"... gives stream refs names
//       stream        zstd: chunks of le64, negative: so many bytes follow; else: index of an object ref
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "store/core/bytes.hpp"

namespace sealroot::splitstream {

inline constexpr std::string_view magic = "SplitStream";

/// Bytes of the file, from `start` to before `end`.
struct Range {
  le64 start;
  le64 end;
};

struct Header {
  std::array<char, 11> magic;
  std::uint8_t version;
  le16 flags;
  std::uint8_t algorithm;
  std::uint8_t log_blocksize;
  Range info;
};
static_assert(sizeof(Header) == 32 && alignof(Header) == 1);

struct Info {
  Range stream_refs;
  Range object_refs;
  Range stream;
  Range named_refs;
  le64 content_type;
  le64 stream_size;
};
static_assert(sizeof(Info) == 80 && alignof(Info) == 1);

/// What a stream holds, as eight letters in the order they have in the file.
constexpr std::uint64_t content_type(std::string_view letters) {
  std::uint64_t value = 0;
  for (std::size_t i = letters.size(); i-- > 0;) value = value << 8 | static_cast<std::uint8_t>(letters[i]);
  return value;
}
inline constexpr std::uint64_t layer_type = content_type("ocilayer");
inline constexpr std::uint64_t config_type = content_type("ociconfg");
inline constexpr std::uint64_t manifest_type = content_type("ocimanif");
inline constexpr std::uint64_t blob_type = content_type("oci_blob");

}  // namespace sealroot::splitstream
