// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/container/layout_writer.hpp"

#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "builder/layer/tar_output.hpp"
#include "store/core/error.hpp"
#include "store/listing.hpp"
#include "store/read_pieces.hpp"

namespace sealroot {

namespace {

constexpr std::string_view layout_version = R"({"imageLayoutVersion":"1.0.0"})";
constexpr std::size_t piece_size = std::size_t{1} << 20;

/// Files below `folder`, in byte order, as paths from `directory`.
void list_files(const Fd& directory, const std::string& folder, std::vector<std::string>& files) {
  const Fd opened = open_at(directory, folder, O_RDONLY | O_DIRECTORY);
  for (const DirectoryEntry& entry : list_directory(opened)) {
    const std::string path = folder + "/" + entry.name;
    if (entry.type == EntryType::directory) {
      list_files(directory, path, files);
    } else {
      files.push_back(path);
    }
  }
}

void append_file(const Fd& directory, const std::string& path, const Fd& archive, Bytes& buffer) {
  const Fd file = open_at(directory, path, O_RDONLY);
  struct stat info {};
  if (::fstat(file.get(), &info) < 0) throw os_error("reading " + quoted(path));
  NewTarEntry entry{path, {}, static_cast<std::uint64_t>(info.st_size)};
  entry.metadata.permissions = 0644;
  write_all(archive, as_bytes(tar_entry_start(entry)));
  std::uint64_t size = 0;
  read_pieces(file, buffer, [&](ByteView piece) {
    size += piece.size();
    write_all(archive, piece);
  });
  if (size != entry.size_bytes) throw Error(Fault::os, quoted(path) + " changed while it was read");
  write_all(archive, as_bytes(tar_padding(size)));
}

}  // namespace

LayoutWriter::LayoutWriter(const Fd& directory, std::string tag) : directory_(directory), tag_(std::move(tag)) {
  for (const Algorithm algorithm : {Algorithm::sha256, Algorithm::sha512}) {
    make_directories(directory_, "blobs/" + std::string(algorithm_name(algorithm)));
  }
}

bool LayoutWriter::contains(const Descriptor& descriptor) {
  return try_open_at(directory_, blob_path(descriptor.digest), O_PATH).has_value();
}

void LayoutWriter::put(const Descriptor& descriptor, ByteStream& blob) {
  const Fd file = open_at(directory_, blob_path(descriptor.digest), O_WRONLY | O_CREAT | O_EXCL, 0644);
  Bytes buffer(piece_size);
  while (const std::size_t got = blob.read(buffer)) write_all(file, ByteView(buffer).first(got));
}

void LayoutWriter::put_manifest(const Descriptor& descriptor, ByteView document) {
  put_bytes(*this, descriptor.media_type, document);
  nlohmann::ordered_json entry{
      {"mediaType", descriptor.media_type}, {"digest", descriptor.digest.text()}, {"size", descriptor.size}};
  if (!tag_.empty()) entry["annotations"] = {{"org.opencontainers.image.ref.name", tag_}};
  const nlohmann::ordered_json index{{"schemaVersion", 2},
                                     {"mediaType", "application/vnd.oci.image.index.v1+json"},
                                     {"manifests", nlohmann::ordered_json::array({entry})}};
  write_new_file(directory_, "oci-layout", as_bytes(layout_version));
  write_new_file(directory_, "index.json", as_bytes(index.dump()));
}

std::unique_ptr<Layout> LayoutWriter::open() const {
  return open_layout_directory(open_at(directory_, ".", O_RDONLY | O_DIRECTORY));
}

void write_layout_archive(const Fd& directory, const Fd& file) {
  std::vector<std::string> files;
  list_files(directory, "blobs", files);
  files.insert(files.end(), {"index.json", "oci-layout"});
  Bytes buffer(piece_size);
  for (const std::string& path : files) append_file(directory, path, file, buffer);
  write_all(file, as_bytes(tar_end()));
}

}  // namespace sealroot
