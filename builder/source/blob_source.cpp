// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/source/blob_source.hpp"

#include <sys/stat.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <map>

#include "builder/layer/decompress.hpp"
#include "builder/layer/entry_path.hpp"
#include "builder/layer/limits.hpp"
#include "builder/layer/read_ahead.hpp"
#include "builder/layer/tar_reader.hpp"
#include "builder/tree/during_entry.hpp"
#include "store/core/error.hpp"

namespace sealroot {

namespace {

Error missing(const std::string& path) { return {Fault::missing, quoted(path) + " is missing"}; }

class LayoutDirectory final : public Layout {
 public:
  explicit LayoutDirectory(Fd directory) : directory_(std::move(directory)) {}

  std::unique_ptr<ByteStream> open_file(const std::string& path) const override {
    std::optional<Fd> file = try_open_beneath(directory_, path, O_RDONLY | O_NONBLOCK);
    if (!file) throw missing(path);
    struct stat info {};
    if (::fstat(file->get(), &info) < 0) throw os_error("reading " + quoted(path));
    if (!S_ISREG(info.st_mode)) throw Error(Fault::malformed, quoted(path) + " is not a regular file");
    return std::make_unique<FileStream>(*std::move(file));
  }

 private:
  Fd directory_;
};

struct Range {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

class LayoutArchive final : public Layout {
 public:
  explicit LayoutArchive(Fd file) : file_(std::move(file)) { index(); }

  std::unique_ptr<ByteStream> open_file(const std::string& path) const override {
    const auto found = files_.find(path);
    if (found == files_.end()) throw missing(path);
    return std::make_unique<FileStream>(file_, found->second.offset, found->second.size);
  }

 private:
  void index() {
    FileStream whole(file_, 0, UINT64_MAX);
    ReadAhead stream(whole);
    TarReader tar(stream);
    std::uint64_t count = 0;
    while (const TarEntry* const entry = tar.next()) {
      during_entry(entry->path, entry->offset, [&] {
        if (++count > max_entry_count) throw Error(Fault::malformed, "too many entries");
        if (entry->type == TarEntry::Type::directory) return;
        if (entry->type != TarEntry::Type::file || entry->data_offset == 0) {
          throw Error(Fault::malformed, "an OCI archive holds only plain files and directories");
        }
        const bool is_new = files_.emplace(normalise_path(entry->path), Range{entry->data_offset, entry->size}).second;
        if (!is_new) throw Error(Fault::malformed, "is there twice");
      });
    }
  }

  Fd file_;
  std::map<std::string, Range> files_;
};

Fd temporary_file() {
  const char* const configured = std::getenv("TMPDIR");
  const std::string folder = configured == nullptr || *configured == '\0' ? "/var/tmp" : configured;
  Fd file(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!file) throw os_error("creating a temporary file in " + quoted(folder));
  return file;
}

Fd spooled(ByteStream& source) {
  Fd target = temporary_file();
  std::vector<std::uint8_t> buffer(1U << 20);
  std::uint64_t size = 0;
  while (const std::size_t got = source.read(buffer)) {
    size += got;
    if (size > max_total_size) throw Error(Fault::malformed, "holds more than 256 GiB");
    write_all(target, ByteView(buffer).first(got));
  }
  return target;
}

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

std::unique_ptr<Layout> open_layout_archive(const std::string& path) {
  Fd file = open_at(working_directory(), path, O_RDONLY);
  return during("reading " + quoted(path), [&]() -> std::unique_ptr<Layout> {
    struct stat info {};
    if (::fstat(file.get(), &info) < 0) throw os_error("reading");
    if (!S_ISREG(info.st_mode)) throw Error(Fault::malformed, "not a regular file");
    std::array<std::uint8_t, 6> start{};
    FileStream beginning(file, 0, start.size());
    const Compression compression = detect_compression(ByteView(start).first(read_full(beginning, start)));
    if (compression == Compression::none) return std::make_unique<LayoutArchive>(std::move(file));
    FileStream whole(std::move(file));
    return std::make_unique<LayoutArchive>(spooled(*decompress(whole, compression)));
  });
}

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
