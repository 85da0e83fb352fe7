// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/container/sealed_container.hpp"

#include <zlib.h>

#include "builder/container/layout_writer.hpp"
#include "builder/layer/limits.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/verity/verity_hasher.hpp"
#include "tests/catch.hpp"
#include "tests/tar_writer.hpp"
#include "tests/unit/source/oci_layout_writer.hpp"

using namespace sealroot;

namespace {

const std::string lower = TarWriter()
                              .directory("usr")
                              .directory("boot", 0700)
                              .directory("boot/EFI")
                              .directory("boot/EFI/Linux")
                              .file("boot/EFI/Linux/old.efi")
                              .file("boot/kept")
                              .str();

/// An image sealed with the UKI `new_1.efi`, and what is read of it again.
struct Sealed {
  explicit Sealed(const Json& manifest_change = Json::object()) {
    Json manifest = source.image({lower});
    manifest.update(manifest_change);
    source.only(manifest);
    const auto layout = open_layout_directory(source.path());
    chosen = choose_manifest(*layout, choose_tagged(*layout, ""), "amd64");
    LayoutWriter target(folder.directory(), "v1");
    copy_blobs(*layout, chosen.manifest, target, {});
    const Bytes config = read_document(*layout, chosen.manifest.config);
    const UkiLayer layer(source.read().tree);
    sealed = put_sealed_container({chosen.document, config, layer.with("new_1.efi", as_bytes("UKI"), 9), image, "1"},
                                  target);
  }

  SourceResult read() const {
    Ingest ingest(nullptr, Algorithm::sha256, 1);
    return read_source("oci:" + folder.path().string() + ":v1", {.architecture = "amd64"}, ingest);
  }
  Json json(const Descriptor& descriptor) const {
    return Json::parse(as_text(read_file(folder.directory(), blob_path(descriptor.digest))));
  }

  OciLayoutWriter source;
  Scratch folder;
  Digest image = measure_bytes(Algorithm::sha512, as_bytes("image"));
  ChosenManifest chosen;
  SealedContainer sealed;
};

}  // namespace

TEST_CASE("a sealed container image is its source and one layer more") {
  const Sealed sealed;
  const SourceResult result = sealed.read();
  REQUIRE(result.info.layers.size() == 2);
  CHECK(result.info.layers[0].digest == sealed.chosen.manifest.layers[0].digest);
  CHECK(result.info.config.labels == Labels{{"version", "7"}});
  CHECK(result.info.annotations ==
        Labels{{"org.opencontainers.image.version", "1"},
               {"composefs.merged.bootable.erofs.v1.fsverity-sha512-12", to_hex(sealed.image)}});
  const auto uki = find(result.tree, "boot/EFI/Linux/new_1.efi");
  REQUIRE(uki);
  CHECK(result.tree[*uki].metadata.permissions == 0644);
  CHECK(result.tree[*uki].metadata.mtime_seconds == 9);
  CHECK(find(result.tree, "boot/kept"));
}

TEST_CASE("I2_no_second_UKI_stands_in_a_sealed_container_image") {
  const Sealed sealed;
  CHECK_FALSE(find(sealed.read().tree, "boot/EFI/Linux/old.efi"));
}

TEST_CASE("boot keeps its mode, on which the image digest depends") {
  const Sealed sealed;
  const Tree tree = sealed.read().tree;
  CHECK(tree[*find(tree, "boot")].metadata.permissions == 0700);
}

TEST_CASE("a history is continued and none is begun") {
  const Sealed without;
  CHECK_FALSE(without.json(without.sealed.config).contains("history"));
  OciLayoutWriter writer;
  Json config = writer.config({OciLayoutWriter::diff_id(lower)});
  config["history"] = Json::array({{{"created_by", "somebody"}}});
  const Bytes text = [&] {
    const std::string dumped = config.dump();
    return Bytes(dumped.begin(), dumped.end());
  }();
  const std::string manifest = writer.manifest(config, Json::array()).dump();
  const Scratch scratch;
  LayoutWriter target(scratch.directory(), "");
  const SealedContainer sealed = put_sealed_container(
      {as_bytes(manifest), text, "layer", measure_bytes(Algorithm::sha256, {}), "1", 1'700'000'000}, target);
  const Json history = Json::parse(as_text(read_file(scratch.directory(), blob_path(sealed.config.digest))))["history"];
  REQUIRE(history.size() == 2);
  CHECK(history[1] == Json{{"created", "2023-11-14T22:13:20Z"}, {"created_by", "sealroot build"}});
}

TEST_CASE("the new layer is gzip to every reader, with nothing for a tool to compress") {
  const Sealed sealed;
  const Bytes file = read_file(sealed.folder.directory(), blob_path(sealed.sealed.layer.digest));
  z_stream stream{};
  REQUIRE(::inflateInit2(&stream, 16 + MAX_WBITS) == Z_OK);
  Bytes plain(file.size());
  stream.next_in = const_cast<Bytef*>(file.data());
  stream.avail_in = static_cast<uInt>(file.size());
  stream.next_out = plain.data();
  stream.avail_out = static_cast<uInt>(plain.size());
  CHECK(::inflate(&stream, Z_FINISH) == Z_STREAM_END);
  CHECK(stream.avail_in == 0);
  plain.resize(stream.total_out);
  ::inflateEnd(&stream);
  CHECK(blob_digest(plain) == sealed.sealed.layer.diff_id);
}

TEST_CASE("Docker's media types become those of OCI, which has annotations") {
  OciLayoutWriter source;
  Json manifest = source.image({lower});
  const Sealed sealed(Json{{"layers", Json::array({{{"mediaType", "application/vnd.docker.image.rootfs.diff.tar"},
                                                    {"digest", manifest["layers"][0]["digest"]},
                                                    {"size", lower.size()}}})}});
  const Json written = sealed.json(sealed.sealed.manifest);
  CHECK(written["layers"][0]["mediaType"] == oci_layer_type);
  CHECK(written["mediaType"] == oci_manifest_type);
  CHECK_NOTHROW(sealed.read());
}

TEST_CASE("an image with as many layers as there may be is not made unreadable") {
  OciLayoutWriter source;
  const Json layer = source.put(lower, oci_layer_type);
  const std::string manifest = source.manifest(source.config({}), Json(max_layer_count, layer)).dump();
  const std::string config = source.config({}).dump();
  const Scratch scratch;
  LayoutWriter target(scratch.directory(), "");
  CHECK_THROWS_WITH(
      put_sealed_container({as_bytes(manifest), as_bytes(config), "layer", measure_bytes(Algorithm::sha256, {}), "1"},
                           target),
      has_text("no layer can be added"));
}

TEST_CASE("the archive of a layout is read as the layout is, and is the same each time") {
  const Sealed sealed;
  const Scratch scratch;
  for (const char* const name : {"a.tar", "b.tar"}) {
    const Fd file = open_at(scratch.directory(), name, O_RDWR | O_CREAT, 0644);
    write_layout_archive(sealed.folder.directory(), file);
  }
  CHECK(read_file(scratch.directory(), "a.tar") == read_file(scratch.directory(), "b.tar"));
  Ingest ingest(nullptr, Algorithm::sha256, 1);
  const std::string name = "oci-archive:" + (scratch.path() / "a.tar").string() + ":v1";
  CHECK(read_source(name, {.architecture = "amd64"}, ingest).info.manifest_digest == sealed.sealed.manifest.digest);
}
