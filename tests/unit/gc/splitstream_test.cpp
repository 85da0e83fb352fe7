// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/splitstream.hpp"

#include <filesystem>

#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/gc.hpp"
#include "tests/catch.hpp"
#include "tests/scratch.hpp"
#include "tests/unit/verity/pattern.hpp"

using namespace sealroot;

namespace {

void put_number(Bytes& out, std::uint64_t value) {
  for (int shift = 0; shift < 64; shift += 8) out.push_back(static_cast<std::uint8_t>(value >> shift));
}

void put_digests(Bytes& out, const std::vector<Digest>& digests) {
  for (const Digest& digest : digests) out.insert(out.end(), digest.bytes().begin(), digest.bytes().end());
}

/// A splitstream without content: header (32 bytes), info (80 bytes), refs.
Bytes splitstream(const std::vector<Digest>& streams, const std::vector<Digest>& objects) {
  constexpr std::uint64_t refs = 32 + 80;
  const std::uint64_t middle = refs + 32 * streams.size();
  const std::uint64_t end = middle + 32 * objects.size();
  Bytes out;
  for (const char c : std::string("SplitStream")) out.push_back(static_cast<std::uint8_t>(c));
  out.insert(out.end(), {0, 0, 0, 1, 12});
  for (const std::uint64_t number : {std::uint64_t{32}, refs, refs, middle, middle, end, end, end, end, end})
    put_number(out, number);
  put_number(out, 0);
  put_number(out, 0);
  put_digests(out, streams);
  put_digests(out, objects);
  return out;
}

const Digest one = *Digest::try_parse(std::string(64, '1'));
const Digest two = *Digest::try_parse(std::string(64, '2'));

void refused(const Bytes& file, const std::string& reason) {
  CHECK_THROWS_WITH(read_splitstream_refs(file, Algorithm::sha256), has_text(reason));
}

}  // namespace

TEST_CASE("a splitstream tells the streams and objects it refers to") {
  const SplitstreamRefs refs = read_splitstream_refs(splitstream({one}, {two, one}), Algorithm::sha256);
  CHECK(refs.streams == std::vector<Digest>{one});
  CHECK(refs.objects == std::vector<Digest>{two, one});
}

TEST_CASE("a damaged splitstream is refused with the reason") {
  const Bytes good = splitstream({one}, {two});
  const auto with = [&](std::size_t offset, std::uint8_t value) {
    Bytes changed = good;
    changed[offset] = value;
    return changed;
  };
  refused(with(0, 'x'), "has no header");
  refused(with(11, 1), "version 1 is not known");
  refused(with(14, 2), "its digests are not those of the repository");
  refused(with(15, 16), "its digests are not those of the repository");
  refused(with(16, 0xff), "info lies outside of the file");
  refused(with(23, 0xff), "info lies outside of the file");
  refused(with(24, 40), "info is cut short");
  refused(with(40, 143), "stream refs hold a part of a digest");
  refused(with(56, 0xff), "object refs lies outside of the file");
  for (std::size_t size = 0; size < good.size(); ++size) {
    CHECK_THROWS_AS(read_splitstream_refs(ByteView(good).first(size), Algorithm::sha256), Error);
  }
}

TEST_CASE("gc keeps what a stream with a ref reaches through other streams") {
  const Scratch scratch;
  const Repository repository = Repository::create(scratch.directory(), "repo", Algorithm::sha256);
  const std::filesystem::path path = scratch.path() / "repo";
  const ObjectStore& objects = repository.objects();
  const Digest content = objects.put(pattern(9000));
  const Digest unused = objects.put(pattern(9001));
  const Digest layer = objects.put(splitstream({}, {content}));
  const Digest manifest = objects.put(splitstream({layer}, {}));
  std::filesystem::create_symlink("../objects/" + object_path(layer), path / "streams/oci-layer-sha256:1");
  std::filesystem::create_symlink("../objects/" + object_path(manifest), path / "streams/oci-manifest-sha256:2");
  std::filesystem::create_directory(path / "streams/refs/oci");
  std::filesystem::create_symlink("../../oci-manifest-sha256:2", path / "streams/refs/oci/demo");
  CHECK(collect_garbage(repository, {}).removed_objects == 1);
  CHECK(objects.contains(content));
  CHECK_FALSE(objects.contains(unused));

  std::filesystem::remove(path / "streams/refs/oci/demo");
  const GcReport report = collect_garbage(repository, {});
  CHECK(report.removed_objects == 3);
  CHECK(report.removed_names.size() == 2);
}
