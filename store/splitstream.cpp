// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/splitstream.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "store/core/error.hpp"

namespace sealroot {

namespace {

constexpr std::string_view magic = "SplitStream";

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

/// The order that a Rust compiler once chose for the same fields.
struct OldHeader {
  Range info;
  le16 flags;
  std::array<char, 11> magic;
  std::uint8_t version;
  std::uint8_t algorithm;
  std::uint8_t log_blocksize;
};
static_assert(sizeof(OldHeader) == 32 && alignof(OldHeader) == 1);

struct Info {
  Range stream_refs;
  Range object_refs;
  Range stream;
  Range named_refs;
  le64 content_type;
  le64 stream_size;
};
static_assert(sizeof(Info) == 80 && alignof(Info) == 1);

Error bad(const std::string& reason) { return {Fault::malformed, "splitstream: " + reason}; }

template <typename T>
T read_struct(ByteView bytes, const char* what) {
  T value{};
  if (bytes.size() < sizeof value) throw bad(std::string(what) + " is cut short");
  std::copy_n(bytes.begin(), sizeof value, reinterpret_cast<std::uint8_t*>(&value));
  return value;
}

bool has_magic(const std::array<char, 11>& found) { return std::string_view(found.data(), found.size()) == magic; }

Header read_header(ByteView file) {
  const auto header = read_struct<Header>(file, "header");
  if (has_magic(header.magic)) return header;
  const auto old = read_struct<OldHeader>(file, "header");
  if (!has_magic(old.magic)) throw bad("has no header");
  return {old.magic, old.version, old.flags, old.algorithm, old.log_blocksize, old.info};
}

ByteView section(ByteView file, const Range& range, const char* what) {
  const std::uint64_t start = range.start;
  const std::uint64_t end = range.end;
  if (start > end || end > file.size()) throw bad(std::string(what) + " lies outside of the file");
  return file.subspan(start, end - start);
}

std::vector<Digest> read_digests(ByteView bytes, Algorithm algorithm, const char* what) {
  const std::size_t size = digest_size(algorithm);
  if (bytes.size() % size != 0) throw bad(std::string(what) + " hold a part of a digest");
  std::vector<Digest> digests;
  digests.reserve(bytes.size() / size);
  for (; !bytes.empty(); bytes = bytes.subspan(size)) digests.emplace_back(algorithm, bytes.first(size));
  return digests;
}

}  // namespace

SplitstreamRefs read_splitstream_refs(ByteView file, Algorithm algorithm) {
  const Header header = read_header(file);
  if (header.version != 0) throw bad("version " + std::to_string(header.version) + " is not known");
  if (header.algorithm != static_cast<std::uint8_t>(algorithm) || header.log_blocksize != verity_log_block_size) {
    throw bad("its digests are not those of the repository");
  }
  const auto info = read_struct<Info>(section(file, header.info, "info"), "info");  // a newer one may be longer
  section(file, info.stream, "stream");
  section(file, info.named_refs, "named refs");
  return {read_digests(section(file, info.stream_refs, "stream refs"), algorithm, "stream refs"),
          read_digests(section(file, info.object_refs, "object refs"), algorithm, "object refs")};
}

}  // namespace sealroot
