// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Splitstreams, which others may have written: header, refs, names, and the stream itself.
#include "store/splitstream.hpp"
#include "store/splitstream_writer.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace sealroot;

namespace {

struct Sums {
  std::uint64_t inline_bytes = 0;
  std::uint64_t objects = 0;
};

/// What is read is written again, and must read the same.
void check(ByteView file, Algorithm algorithm) {
  const Splitstream stream = read_splitstream(file, algorithm);
  if (stream.size_bytes > std::uint64_t{64} << 20) return;  // a few bytes of zstd can say that much
  SplitstreamBody body;
  std::vector<Digest> objects;
  visit_chunks(stream, {[&](ByteView bytes) { body.write(bytes); },
                        [&](const Digest& digest) {
                          body.write_object(1);
                          objects.push_back(digest);
                        }});
  const NamedRefs refs(stream.named_refs.begin(), stream.named_refs.end());
  const std::uint64_t size_bytes = body.size_bytes();
  const Bytes again = make_splitstream(algorithm, stream.content_type, refs, objects, std::move(body));
  const Splitstream copy = read_splitstream(again, algorithm);
  promise(copy.named_refs == stream.named_refs, "names survive");
  promise(copy.size_bytes == size_bytes, "the size survives");
  Sums sums;
  visit_chunks(copy,
               {[&](ByteView bytes) { sums.inline_bytes += bytes.size(); }, [&](const Digest&) { ++sums.objects; }});
  promise(sums.objects == objects.size() && sums.inline_bytes + sums.objects == size_bytes, "the chunks survive");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  for (const Algorithm algorithm : {Algorithm::sha256, Algorithm::sha512}) {
    accepts([&] { read_splitstream_refs({data, size}, algorithm); });
    accepts([&] { check({data, size}, algorithm); });
  }
  return 0;
}
