// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/layer/known_layer.hpp"

#include "builder/container_streams.hpp"
#include "builder/image/image.hpp"
#include "builder/source/source.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "tests/catch.hpp"
#include "tests/tar_writer.hpp"
#include "tests/unit/source/oci_layout_writer.hpp"

using namespace sealroot;

namespace {

std::string pattern(std::size_t size, char first) {
  std::string bytes(size, first);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(first + i * i % 251);
  return bytes;
}

const std::string large = pattern(2'500'000, 'l');
const std::string lower = TarWriter()
                              .directory("usr")
                              .file("usr/large", large)
                              .file("usr/65", pattern(65, 'a'))
                              .file("usr/64", pattern(64, 'b'))
                              .file("usr/empty")
                              .file("usr/same", pattern(65, 'a'))
                              .str();
const std::string upper = TarWriter().directory("usr").file("usr/.wh.empty").file("usr/new", pattern(5000, 'n')).str();

/// A layout and a repository that has its image, as a build leaves it.
struct Fixture {
  Fixture() {
    layout.only(layout.image({lower, upper}));
    Ingest ingest(&repository.objects(), Algorithm::sha256, 2);
    const SourceResult result =
        read_source(source(), {.architecture = "amd64", .record_layer = layers_missing_in(repository)}, ingest);
    expected = make_image(result.tree, ImageFormat::v1);
    add_container_streams(repository, result, {}, "tag");
  }

  std::string source() const { return "oci:" + layout.path(); }

  Bytes read(KnownLayer::Contents contents, const Repository* known) const {
    Ingest ingest(&repository.objects(), Algorithm::sha256, 2);
    const SourceOptions options{.architecture = "amd64", .known = {.repository = known, .contents = contents}};
    return make_image(read_source(source(), options, ingest).tree, ImageFormat::v1);
  }

  void forget_layers() const {
    for (const std::string& layer : {lower, upper}) {
      std::filesystem::remove(layout.path() + "/blobs/sha256/" + blob_digest(as_bytes(layer)).hex);
    }
  }

  std::filesystem::path object(ByteView content) const {
    return scratch.path() / "repository" / "objects" / object_path(repository.objects().put(content));
  }

  std::filesystem::path stream(const std::string& layer) const {
    return scratch.path() / "repository" / "streams" / ("oci-layer-" + OciLayoutWriter::diff_id(layer));
  }

  Scratch scratch;
  OciLayoutWriter layout;
  Repository repository = Repository::create(scratch.directory(), "repository", Algorithm::sha256);
  Bytes expected;
};

constexpr KnownLayer::Contents both[] = {KnownLayer::Contents::read, KnownLayer::Contents::found};

}  // namespace

TEST_CASE("layers that a repository has give the same image without being fetched") {
  const Fixture fixture;
  CHECK(fixture.read(KnownLayer::Contents::read, nullptr) == fixture.expected);
  fixture.forget_layers();
  CHECK_THROWS_WITH(fixture.read(KnownLayer::Contents::read, nullptr), has_text("is missing"));
  for (const KnownLayer::Contents contents : both)
    CHECK(fixture.read(contents, &fixture.repository) == fixture.expected);
}

TEST_CASE("a layer of which an object is missing is fetched, and the object is there again") {
  for (const KnownLayer::Contents contents : both) {
    const Fixture fixture;
    const std::filesystem::path object = fixture.object(as_bytes(large));
    std::filesystem::remove(object);
    CHECK(fixture.read(contents, &fixture.repository) == fixture.expected);
    CHECK(std::filesystem::file_size(object) == large.size());
  }
}

TEST_CASE("an object that a power cut left short is written again") {
  for (const KnownLayer::Contents contents : both) {
    const Fixture fixture;
    const std::filesystem::path object = fixture.object(as_bytes(large));
    std::filesystem::remove(object);
    write_new_file(working_directory(), object.string(), as_bytes(large.substr(0, 1000)));
    CHECK(fixture.read(contents, &fixture.repository) == fixture.expected);
    CHECK(std::filesystem::file_size(object) == large.size());
  }
}

TEST_CASE("a stream under the name of another layer is not believed where contents are read") {
  const Fixture fixture;
  const std::filesystem::path wrong = std::filesystem::read_symlink(fixture.stream(upper));
  std::filesystem::remove(fixture.stream(lower));
  std::filesystem::create_symlink(wrong, fixture.stream(lower));
  CHECK(fixture.read(KnownLayer::Contents::read, &fixture.repository) == fixture.expected);
  // Else it is for the digest of the image, which the caller has, to tell.
  CHECK(fixture.read(KnownLayer::Contents::found, &fixture.repository) != fixture.expected);
}

TEST_CASE("an object with other bytes is not believed where contents are read") {
  const Fixture fixture;
  const std::filesystem::path object = fixture.object(as_bytes(large));
  std::string changed = large;
  changed[1000] ^= 1;
  std::filesystem::remove(object);
  write_new_file(working_directory(), object.string(), as_bytes(changed));
  CHECK(fixture.read(KnownLayer::Contents::read, &fixture.repository) == fixture.expected);
}

TEST_CASE("what is no stream of a layer counts as none") {
  const Fixture fixture;
  const BlobDigest diff_id = parse_blob_digest(OciLayoutWriter::diff_id(lower));
  CHECK(KnownLayer::open(fixture.repository, diff_id, KnownLayer::Contents::read) != nullptr);
  CHECK(KnownLayer::open(fixture.repository, blob_digest({}), KnownLayer::Contents::read) == nullptr);
  const std::filesystem::path object = "../objects/" + object_path(fixture.repository.objects().put(as_bytes(large)));
  std::filesystem::remove(fixture.stream(lower));
  std::filesystem::create_symlink(object, fixture.stream(lower));
  CHECK(KnownLayer::open(fixture.repository, diff_id, KnownLayer::Contents::read) == nullptr);
}
