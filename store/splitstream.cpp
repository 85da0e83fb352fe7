// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/splitstream.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include "store/core/error.hpp"
#include "store/splitstream_format.hpp"
#include "store/zstd_reader.hpp"

namespace sealroot {

namespace {

using splitstream::Header;
using splitstream::Info;
using splitstream::Range;

/// Names of a few hundred layers; more would be made to exhaust memory.
constexpr std::size_t max_named_refs_size = std::size_t{4} << 20;

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

Error bad(const std::string& reason) { return {Fault::malformed, "splitstream: " + reason}; }

template <typename T>
T read_struct(ByteView bytes, const char* what) {
  T value{};
  if (bytes.size() < sizeof value) throw bad(std::string(what) + " is cut short");
  std::copy_n(bytes.begin(), sizeof value, reinterpret_cast<std::uint8_t*>(&value));
  return value;
}

bool has_magic(const std::array<char, 11>& found) {
  return std::string_view(found.data(), found.size()) == splitstream::magic;
}

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

Info read_info(ByteView file, Algorithm algorithm) {
  const Header header = read_header(file);
  if (header.version != 0) throw bad("version " + std::to_string(header.version) + " is not known");
  if (header.algorithm != static_cast<std::uint8_t>(algorithm) || header.log_blocksize != verity_log_block_size) {
    throw bad("its digests are not those of the repository");
  }
  return read_struct<Info>(section(file, header.info, "info"), "info");  // a newer one may be longer
}

SplitstreamRefs read_refs(ByteView file, const Info& info, Algorithm algorithm) {
  section(file, info.stream, "stream");
  section(file, info.named_refs, "named refs");
  return {read_digests(section(file, info.stream_refs, "stream refs"), algorithm, "stream refs"),
          read_digests(section(file, info.object_refs, "object refs"), algorithm, "object refs")};
}

/// Records `INDEX:NAME`, each ended by a NUL.
std::map<std::string, Digest> parse_named_refs(std::string_view text, const std::vector<Digest>& streams) {
  std::map<std::string, Digest> refs;
  while (!text.empty()) {
    const std::size_t end = text.find('\0');
    if (end == std::string_view::npos) throw bad("the last named ref is cut short");
    const std::string_view record = text.substr(0, end);
    text.remove_prefix(end + 1);
    std::size_t index = 0;
    const auto [rest, error] = std::from_chars(record.data(), record.data() + record.size(), index);
    if (error != std::errc{} || rest == record.data() + record.size() || *rest != ':' || index >= streams.size()) {
      throw bad("bad named ref " + quoted(record.substr(0, 160)));
    }
    const std::string_view name(rest + 1, static_cast<std::size_t>(record.data() + record.size() - rest - 1));
    if (!refs.emplace(name, streams[index]).second) throw bad("named ref " + quoted(name) + " stands there twice");
  }
  return refs;
}

}  // namespace

SplitstreamRefs read_splitstream_refs(ByteView file, Algorithm algorithm) {
  return read_refs(file, read_info(file, algorithm), algorithm);
}

Splitstream read_splitstream(ByteView file, Algorithm algorithm) {
  const Info info = read_info(file, algorithm);
  Splitstream stream;
  stream.refs = read_refs(file, info, algorithm);
  const Bytes names = during("splitstream: named refs", [&] {
    return unpack_zstd(section(file, info.named_refs, "named refs"), max_named_refs_size);
  });
  stream.named_refs = parse_named_refs(as_text(names), stream.refs.streams);
  stream.content_type = info.content_type;
  stream.size_bytes = info.stream_size;
  stream.chunks = section(file, info.stream, "stream");
  return stream;
}

void visit_chunks(const Splitstream& stream, const SplitstreamVisitor& visitor) {
  ZstdReader reader(stream.chunks);
  std::uint64_t inline_bytes = 0;
  Bytes buffer(std::size_t{1} << 16);
  during("splitstream: stream", [&] {
    le64 raw;
    while (reader.read(raw.raw)) {
      const std::uint64_t number = raw;
      if (number >> 63 == 0) {
        if (number >= stream.refs.objects.size())
          throw Error(Fault::malformed, "a chunk names an object ref that is not there");
        visitor.object(stream.refs.objects[static_cast<std::size_t>(number)]);
        continue;
      }
      std::uint64_t left = std::uint64_t{0} - number;
      if (left > stream.size_bytes - inline_bytes) throw Error(Fault::malformed, "has more bytes than its size says");
      inline_bytes += left;
      while (left > 0) {
        const auto piece =
            std::span(buffer).first(static_cast<std::size_t>(std::min<std::uint64_t>(left, buffer.size())));
        if (!reader.read(piece)) throw Error(Fault::malformed, "ends inside a chunk");
        visitor.bytes(piece);
        left -= piece.size();
      }
    }
  });
}

}  // namespace sealroot
