// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/layer/layer_stream.hpp"

#include "builder/layer/read_ahead.hpp"
#include "builder/layer/read_layer.hpp"
#include "store/blob_digest.hpp"
#include "store/core/error.hpp"
#include "store/repository.hpp"
#include "store/splitstream.hpp"
#include "store/stream_content.hpp"
#include "tests/catch.hpp"
#include "tests/memory_stream.hpp"
#include "tests/scratch.hpp"
#include "tests/tar_writer.hpp"

using namespace sealroot;

namespace {

/// A layer read into a repository and recorded.
struct Recorded {
  Scratch scratch;
  Repository repository = Repository::create(scratch.directory(), "repo", Algorithm::sha256);
  LayerStream recorder;
  SpillTable<Digest> digests;

  explicit Recorded(const std::string& archive, std::size_t piece_bytes = 1000) {
    MemoryStream bytes(archive, piece_bytes);
    ReadAhead stream(bytes);
    LayerBudget budget;
    Ingest ingest(&repository.objects(), Algorithm::sha256, 1);
    read_layer(stream, "layer", WhiteoutRule::apply, budget, ingest, &recorder);
    digests = ingest.finish();
  }
};

/// Error unless the recorded stream gives the archive again; returns how many contents are objects of their own.
std::size_t check_recorded(const std::string& archive, std::size_t piece_bytes = 1000) {
  Recorded recorded(archive, piece_bytes);
  const Bytes file = std::move(recorded.recorder).finish(Algorithm::sha256, recorded.digests);
  const Splitstream stream = read_splitstream(file, Algorithm::sha256);
  Bytes buffer(4096);
  check_stream_content(recorded.repository.objects(), "oci-layer-" + blob_digest(as_bytes(archive)).text(), stream,
                       buffer);
  CHECK(stream.size_bytes == archive.size());
  return stream.refs.objects.size();
}

}  // namespace

TEST_CASE("a layer put together from its splitstream is the layer again") {
  TarWriter tar;
  tar.directory("usr").symlink("usr/link", "target").pax("path", "usr/" + std::string(200, 'n')).file("short");
  const std::vector<std::size_t> sizes{0, 1, 63, 64, 65, 511, 512, 513, 4096, 70000, 3000001};
  for (const std::size_t size : sizes) tar.file("usr/" + std::to_string(size), std::string(size, 'x'));
  tar.hard_link("usr/other", "usr/4096").extension('g', TarWriter::pax_record("comment", "none"));
  const std::string padded = tar.str() + std::string(9216, '\0');
  for (const std::size_t piece : {1UL << 20, 513UL, 77UL}) {
    CHECK(check_recorded(tar.str(), piece) == 7);
    CHECK(check_recorded(padded, piece) == 7);
  }
}

TEST_CASE("layers without files, and with one content many times, are recorded") {
  CHECK(check_recorded(TarWriter().str()) == 0);
  TarWriter tar;
  for (int i = 0; i < 5; ++i) tar.file("same" + std::to_string(i), std::string(100, 's'));
  CHECK(check_recorded(tar.str()) == 5);
}

TEST_CASE("a layer with sparse files is read but not recorded") {
  const std::string records =
      TarWriter::pax_record("GNU.sparse.major", "1") + TarWriter::pax_record("GNU.sparse.minor", "0") +
      TarWriter::pax_record("GNU.sparse.name", "sparse") + TarWriter::pax_record("GNU.sparse.realsize", "400");
  std::string map = "1\n10\n4\n";
  map.resize(512, '\0');
  const std::string tar = TarWriter()
                              .file("first", std::string(100, 'f'))
                              .extension('x', records)
                              .file("GNUSparseFile.1/sparse", map + "abcd")
                              .file("last", std::string(100, 'l'))
                              .str();
  const Recorded recorded(tar);
  CHECK_FALSE(recorded.recorder.recorded());
  CHECK_THAT(recorded.recorder.reason(), has_text("sparse files"));
  CHECK(recorded.digests.size() == 3);
}
