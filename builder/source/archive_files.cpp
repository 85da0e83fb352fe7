// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/source/archive_files.hpp"

#include <sys/stat.h>

#include <array>
#include <filesystem>
#include <optional>
#include <vector>

#include "builder/layer/decompress.hpp"
#include "builder/layer/entry_path.hpp"
#include "builder/layer/limits.hpp"
#include "builder/layer/read_ahead.hpp"
#include "builder/layer/tar_reader.hpp"
#include "builder/tree/during_entry.hpp"
#include "store/core/error.hpp"
#include "store/core/unnamed_file.hpp"

namespace sealroot {

namespace {

Fd spooled(ByteStream& source) {
  Fd target = open_unnamed_file();
  std::vector<std::uint8_t> buffer(1U << 20);
  std::uint64_t size = 0;
  while (const std::size_t got = source.read(buffer)) {
    size += got;
    if (size > max_total_size) throw Error(Fault::malformed, "holds more than 256 GiB");
    write_all(target, ByteView(buffer).first(got));
  }
  return target;
}

/// The path in the archive that a symbolic link at `path` names; empty if it leads out of it.
std::string link_path(const std::string& path, const std::string& target) {
  if (target.starts_with('/')) return {};
  const std::filesystem::path whole = std::filesystem::path(path).parent_path() / target;
  const std::string normal = whole.lexically_normal().string();
  return normal.starts_with("..") ? std::string{} : normal;
}

}  // namespace

ArchiveFiles ArchiveFiles::open(const std::string& path, Links links) {
  Fd file = open_at(working_directory(), path, O_RDONLY);
  return during("reading " + quoted(path), [&] {
    struct stat info {};
    if (::fstat(file.get(), &info) < 0) throw os_error("reading");
    if (!S_ISREG(info.st_mode)) throw Error(Fault::malformed, "not a regular file");
    std::array<std::uint8_t, 6> start{};
    FileStream beginning(file, 0, start.size());
    const Compression compression = detect_compression(ByteView(start).first(read_full(beginning, start)));
    if (compression == Compression::none) return ArchiveFiles(std::move(file), links);
    FileStream whole(std::move(file));
    return ArchiveFiles(spooled(*decompress(whole, compression)), links);
  });
}

ArchiveFiles::ArchiveFiles(Fd file, Links links) : file_(std::move(file)) { index(links); }

void ArchiveFiles::index(Links links) {
  FileStream whole(file_, 0, UINT64_MAX);
  ReadAhead stream(whole);
  TarReader tar(stream);
  std::uint64_t count = 0;
  while (const TarEntry* const entry = tar.next()) {
    during_entry(entry->path, entry->offset, [&] {
      if (++count > max_entry_count) throw Error(Fault::malformed, "too many entries");
      if (entry->type == TarEntry::Type::directory) return;
      const std::string path = normalise_path(entry->path);
      bool is_new = false;
      if (entry->type == TarEntry::Type::symlink && links == Links::follow) {
        is_new = !files_.contains(path) && links_.emplace(path, link_path(path, entry->link_target)).second;
      } else if (entry->type == TarEntry::Type::file && entry->data_offset != 0) {
        is_new = !links_.contains(path) && files_.emplace(path, Range{entry->data_offset, entry->size}).second;
      } else {
        throw Error(Fault::malformed, "an archive of a container image holds only plain files and directories");
      }
      if (!is_new) throw Error(Fault::malformed, "is there twice");
    });
  }
}

const ArchiveFiles::Range& ArchiveFiles::find(const std::string& path) const {
  const auto link = links_.find(path);
  const auto found = files_.find(link == links_.end() ? path : link->second);
  if (found == files_.end()) throw Error(Fault::missing, quoted(path) + " is missing");
  return found->second;
}

std::unique_ptr<ByteStream> ArchiveFiles::open_file(const std::string& path) const {
  const Range& range = find(path);
  return std::make_unique<FileStream>(file_, range.offset, range.size);
}

std::uint64_t ArchiveFiles::size_bytes(const std::string& path) const { return find(path).size; }

}  // namespace sealroot
