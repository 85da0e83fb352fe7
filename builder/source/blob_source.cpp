// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/source/blob_source.hpp"

#include <sys/stat.h>

#include "builder/layer/limits.hpp"
#include "builder/source/archive_files.hpp"
#include "store/core/error.hpp"

namespace sealroot {

namespace {

class LayoutDirectory final : public Layout {
 public:
  explicit LayoutDirectory(Fd directory) : directory_(std::move(directory)) {}

  std::unique_ptr<ByteStream> open_file(const std::string& path) const override {
    std::optional<Fd> file = try_open_beneath(directory_, path, O_RDONLY | O_NONBLOCK);
    if (!file) throw Error(Fault::missing, quoted(path) + " is missing");
    struct stat info {};
    if (::fstat(file->get(), &info) < 0) throw os_error("reading " + quoted(path));
    if (!S_ISREG(info.st_mode)) throw Error(Fault::malformed, quoted(path) + " is not a regular file");
    return std::make_unique<FileStream>(*std::move(file));
  }

 private:
  Fd directory_;
};

class LayoutArchive final : public Layout {
 public:
  explicit LayoutArchive(const std::string& path) : files_(ArchiveFiles::open(path, ArchiveFiles::Links::refuse)) {}

  std::unique_ptr<ByteStream> open_file(const std::string& path) const override { return files_.open_file(path); }

 private:
  ArchiveFiles files_;
};

Bytes read_limited(ByteStream& stream) {
  Bytes data(static_cast<std::size_t>(max_json_size) + 1);
  data.resize(read_full(stream, data));
  if (data.size() > max_json_size) throw Error(Fault::malformed, "larger than the limit of 4 MiB");
  return data;
}

}  // namespace

std::unique_ptr<Layout> open_layout_directory(const std::string& path) {
  return open_layout_directory(open_at(working_directory(), path, O_DIRECTORY | O_RDONLY));
}

std::unique_ptr<Layout> open_layout_directory(Fd directory) {
  return std::make_unique<LayoutDirectory>(std::move(directory));
}

std::unique_ptr<Layout> open_layout_archive(const std::string& path) { return std::make_unique<LayoutArchive>(path); }

std::string blob_path(const BlobDigest& digest) {
  // parse_blob_digest() has let only hex digits through, so this path stays below blobs/.
  return "blobs/" + std::string(algorithm_name(digest.algorithm)) + "/" + digest.hex;
}

std::unique_ptr<ByteStream> Layout::open(const Descriptor& descriptor) const {
  return open_file(blob_path(descriptor.digest));
}

std::unique_ptr<CheckedBlob> open_blob(const BlobSource& source, const Descriptor& descriptor) {
  return std::make_unique<CheckedBlob>(source.open(descriptor), descriptor.size, descriptor.digest);
}

Bytes read_document(const BlobSource& source, const Descriptor& descriptor) {
  return during(descriptor.digest.text(), [&] {
    if (descriptor.size > max_json_size) throw Error(Fault::malformed, "larger than the limit of 4 MiB");
    const std::unique_ptr<CheckedBlob> blob = open_blob(source, descriptor);
    return read_limited(*blob);
  });
}

Bytes read_document(const Layout& layout, const std::string& path) {
  const std::unique_ptr<ByteStream> file = layout.open_file(path);
  return during(quoted(path), [&] { return read_limited(*file); });
}

}  // namespace sealroot
