// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/source/source.hpp"

#include <functional>

#include "oci_layout_writer.hpp"
#include "store/core/error.hpp"
#include "tests/catch.hpp"
#include "tests/tar_writer.hpp"
#include "tests/unit/layer/compressors.hpp"

using namespace sealroot;

namespace {

SourceResult read(const std::string& source) {
  Ingest ingest(nullptr, Algorithm::sha256, 1);
  return read_source(source, {.architecture = "amd64"}, ingest);
}

const std::string root = TarWriter().directory("usr").file("usr/a", "1").file("usr/b", std::string(100, 'b')).str();

}  // namespace

TEST_CASE("sources are transport, path and tag") {
  CHECK(parse_source("oci:dir").transport == Transport::oci_layout);
  CHECK(parse_source("oci:dir").tag.empty());
  CHECK(parse_source("oci:/a/dir:v1").path == "/a/dir");
  CHECK(parse_source("oci:/a/dir:v1").tag == "v1");
  CHECK(parse_source("oci-archive:x.tar:latest").tag == "latest");
  CHECK(parse_source("tar:a:b.tar").path == "a:b.tar");
  CHECK(parse_source("tar:-").path == "-");
  CHECK(parse_source("dir:/x").transport == Transport::directory);
}

TEST_CASE("unknown transports are wrong usage and name the known ones") {
  for (const std::string source : {"", "x", "/some/dir", "oci", "podman:x", "containers-storage:x", "OCI:x"}) {
    CAPTURE(source);
    CHECK_THROWS_WITH(parse_source(source),
                      has_text("known are docker://HOST/NAME[:TAG], oci:DIR[:TAG], oci-archive:FILE[:TAG], "
                               "docker-archive:FILE[:NAME], tar:FILE, tar:- and dir:DIR"));
  }
  CHECK_THROWS_WITH(parse_source("docker:x/y"), has_text("write docker://HOST/REPOSITORY:TAG"));
  CHECK(parse_source("docker://x/y").transport == Transport::registry);
  CHECK_THROWS_WITH(parse_source("oci:"), has_text("no path"));
  try {
    parse_source("docker://X");
  } catch (const Error& error) {
    CHECK(error.fault() == Fault::usage);
  }
}

TEST_CASE("a tar is read in any compression and its digest recorded") {
  const Scratch scratch;
  for (const std::string& file : {root, gzip_member(root), zstd_frame(root), xz_stream(root)}) {
    std::filesystem::remove(scratch.path() / "root");
    write_new_file(scratch.directory(), "root", as_bytes(file));
    const SourceResult result = read("tar:" + (scratch.path() / "root").string());
    CHECK(find(result.tree, "usr/b"));
    CHECK(result.info.archive_digest == blob_digest(as_bytes(file)));
    CHECK(result.info.layers.at(0).diff_id == blob_digest(as_bytes(root)));
    CHECK(result.info.layers.at(0).size == file.size());
  }
  CHECK_THROWS_WITH(read("tar:" + (scratch.path() / "none").string()), has_text("no such file"));
}

TEST_CASE("a tar gives the same tree when nobody wants its own digests") {
  const Scratch scratch;
  write_new_file(scratch.directory(), "root", as_bytes(root));
  Ingest ingest(nullptr, Algorithm::sha256, 1);
  const SourceResult result = read_source("tar:" + (scratch.path() / "root").string(),
                                          {.architecture = "amd64", .input_digests = false}, ingest);
  CHECK(find(result.tree, "usr/b"));
  CHECK(!result.info.archive_digest);
  CHECK(result.info.layers.empty());
}

TEST_CASE("an archive of a layout gives the tree of the layout, compressed or not") {
  OciLayoutWriter layout;
  layout.only(layout.image({root}));
  TarWriter archive;
  // Blobs before the index that names them: the order is free.
  for (const std::string part : {"blobs/sha256", "."}) {
    for (const auto& file : std::filesystem::directory_iterator(layout.path() + "/" + part)) {
      if (!file.is_regular_file()) continue;
      const std::string name = std::filesystem::relative(file.path(), layout.path()).string();
      const Bytes bytes = read_file(working_directory(), file.path().string());
      archive.file(name, std::string(as_text(bytes)));
    }
  }
  const std::string path = (layout.scratch().path() / "archive").string();
  for (const std::string& bytes : {archive.str(), gzip_member(archive.str()), zstd_frame(archive.str())}) {
    layout.write("archive", bytes);
    const SourceResult result = read("oci-archive:" + path);
    CHECK(result.info.manifest_digest == layout.read().info.manifest_digest);
    CHECK(find(result.tree, "usr/b"));
  }
  layout.write("archive", archive.file("index.json", "{}").str());
  CHECK_THROWS_WITH(read("oci-archive:" + path), has_text("is there twice"));
  layout.write("archive", TarWriter().symlink("index.json", "/etc/passwd").str());
  CHECK_THROWS_WITH(read("oci-archive:" + path), has_text("only plain files"));
}

TEST_CASE("progress never goes back and reaches the end") {
  OciLayoutWriter layout;
  const std::string big = TarWriter().file("big", std::string(std::size_t{20} << 20, 'x')).str();
  layout.only(layout.image({big}));
  std::uint64_t last = 0;
  std::uint64_t total = 0;
  Ingest ingest(nullptr, Algorithm::sha256, 1);
  read_source("oci:" + layout.path(),
              {.architecture = "amd64",
               .progress =
                   [&](std::uint64_t done, std::uint64_t all) {
                     CHECK(done >= last);
                     last = done;
                     total = all;
                   }},
              ingest);
  CHECK(last == big.size());
  CHECK(total == big.size());
}
