// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/splitstream_writer.hpp"

#include "store/core/error.hpp"
#include "store/splitstream.hpp"
#include "store/splitstream_format.hpp"
#include "tests/catch.hpp"
#include "tests/unit/verity/pattern.hpp"

using namespace sealroot;

namespace {

const Digest one = *Digest::try_parse(std::string(64, '1'));
const Digest two = *Digest::try_parse(std::string(64, '2'));

Bytes written(SplitstreamBody body, const std::vector<Digest>& objects, const NamedRefs& refs = {}) {
  return make_splitstream(Algorithm::sha256, splitstream::layer_type, refs, objects, std::move(body));
}

/// What a stream consists of, objects as `<first hex digit>`.
std::string text_of(const Splitstream& stream) {
  std::string text;
  visit_chunks(stream, {[&](ByteView bytes) { text += as_text(bytes); },
                        [&](const Digest& digest) { text += std::string("<") + (digest == one ? '1' : '2') + ">"; }});
  return text;
}

SplitstreamBody body_of(std::initializer_list<std::string_view> parts) {
  SplitstreamBody body;
  for (const std::string_view part : parts) part == "<>" ? body.write_object(100) : body.write(as_bytes(part));
  return body;
}

}  // namespace

TEST_CASE("what is written to a splitstream is read from it") {
  const Bytes file = written(body_of({"head", "er", "<>", "padding", "<>", "<>", "end"}), {one, two, one});
  const Splitstream stream = read_splitstream(file, Algorithm::sha256);
  CHECK(text_of(stream) == "header<1>padding<2><1>end");
  CHECK(stream.size_bytes == 16 + 300);
  CHECK(stream.content_type == splitstream::layer_type);
  CHECK(stream.refs.objects == std::vector<Digest>{one, two, one});
}

TEST_CASE("named refs are sorted by name, their digests stand in the order given") {
  const Bytes file = written(body_of({}), {}, {{"sha256:b", two}, {"sha256:a", one}, {"config:c", two}});
  const Splitstream stream = read_splitstream(file, Algorithm::sha256);
  CHECK(stream.refs.streams == std::vector<Digest>{two, one});
  CHECK(stream.named_refs == std::map<std::string, Digest>{{"config:c", two}, {"sha256:a", one}, {"sha256:b", two}});
  CHECK(text_of(stream).empty());
}

TEST_CASE("long inline bytes are cut between blocks of a tar") {
  for (const std::size_t before : {0UL, 1UL, 100UL, 512UL, 700UL}) {
    SplitstreamBody body;
    if (before != 0) body.write(pattern(before));
    body.write_object(1000);
    const Bytes long_part = pattern(3 * 1024 * 1024 + 77);
    for (ByteView rest = long_part; !rest.empty();) {
      const ByteView piece = rest.first(std::min<std::size_t>(rest.size(), 300001));
      body.write(piece);
      rest = rest.subspan(piece.size());
    }
    const Bytes file = written(std::move(body), {one});
    const Splitstream stream = read_splitstream(file, Algorithm::sha256);
    Bytes all;
    visit_chunks(stream, {[&](ByteView bytes) { all.insert(all.end(), bytes.begin(), bytes.end()); },
                          [&](const Digest&) { CHECK(all.size() == before); }});
    CHECK(ByteView(all).subspan(before).size() == long_part.size());
    CHECK(std::equal(long_part.begin(), long_part.end(), all.begin() + static_cast<std::ptrdiff_t>(before)));
  }
}

TEST_CASE("a splitstream that is damaged or cut anywhere is refused, or reads as another one") {
  const Bytes file = written(body_of({"some header", "<>", "some padding"}), {one}, {{"a", one}});
  const auto read = [](ByteView bytes) { return text_of(read_splitstream(bytes, Algorithm::sha256)); };
  for (std::size_t size = 0; size < file.size(); ++size) CHECK_THROWS_AS(read(ByteView(file).first(size)), Error);
  for (std::size_t offset = 0; offset < file.size(); ++offset) {
    Bytes damaged = file;
    damaged[offset] ^= 0x40;
    try {
      read(damaged);
    } catch (const Error&) {
      continue;  // it may also be read, as long as nothing worse happens
    }
  }
}

TEST_CASE("chunks that no reader could follow are refused with the reason") {
  const auto refused = [](SplitstreamBody body, const std::vector<Digest>& objects, std::uint64_t size,
                          const std::string& reason) {
    Bytes file = written(std::move(body), objects);
    for (std::size_t i = 0; i < 8; ++i) file[104 + i] = static_cast<std::uint8_t>(size >> (8 * i));  // stream_size
    CHECK_THROWS_WITH(text_of(read_splitstream(file, Algorithm::sha256)), has_text(reason));
  };
  refused(body_of({"0123456789"}), {}, 9, "more bytes than its size says");
  Bytes file = written(body_of({"<>"}), {one});
  for (std::size_t i = 0; i < 16; ++i) file[48 + i] = 0;  // object_refs: none
  CHECK_THROWS_WITH(text_of(read_splitstream(file, Algorithm::sha256)), has_text("an object ref that is not there"));
}
