// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/layer/tar_reader.hpp"

#include <archive.h>
#include <archive_entry.h>

#include <cerrno>
#include <clocale>
#include <cwchar>
#include <exception>
#include <limits>
#include <new>

#include "builder/layer/limits.hpp"
#include "builder/layer/tar_framing.hpp"
#include "builder/tree/during_entry.hpp"
#include "store/core/error.hpp"

namespace sealroot {

namespace {

/// libarchive converts PAX names to the character set of the locale. In a UTF-8 one they stay the bytes they are,
/// whatever the locale of the process is.
class Utf8Locale {
 public:
  Utf8Locale() : locale_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)) {
    if (locale_ == nullptr) throw os_error("locale C.UTF-8");
  }
  ~Utf8Locale() { ::freelocale(locale_); }
  Utf8Locale(const Utf8Locale&) = delete;
  Utf8Locale& operator=(const Utf8Locale&) = delete;

  template <typename Action>
  auto with(Action&& action) const {
    const locale_t before = ::uselocale(locale_);
    const auto result = action();
    ::uselocale(before);
    return result;
  }

 private:
  locale_t locale_;
};

std::string text_or_empty(const char* text) { return text == nullptr ? std::string{} : std::string(text); }

std::uint32_t checked_id(la_int64_t id, std::string_view kind) {
  if (id < 0 || id >= std::numeric_limits<std::uint32_t>::max()) {
    throw Error(Fault::malformed, std::string(kind) + " " + std::to_string(id) + " is out of range");
  }
  return static_cast<std::uint32_t>(id);
}

/// As new_encode_dev of the kernel, which has 12 bits for the major and 20 for the minor number.
std::uint32_t packed_device(std::uint64_t major, std::uint64_t minor) {
  if (major > 0xfff || minor > 0xfffff) {
    throw Error(Fault::malformed,
                "device number " + std::to_string(major) + ":" + std::to_string(minor) + " is out of range");
  }
  return static_cast<std::uint32_t>((minor & 0xff) | major << 8 | (minor & ~std::uint64_t{0xff}) << 12);
}

TarEntry::Type entry_type(char type) {
  switch (type) {
    case '1':
      return TarEntry::Type::hard_link;
    case '2':
      return TarEntry::Type::symlink;
    case '3':
      return TarEntry::Type::character_device;
    case '4':
      return TarEntry::Type::block_device;
    case '5':
      return TarEntry::Type::directory;
    case '6':
      return TarEntry::Type::fifo;
    default:
      return TarEntry::Type::file;
  }
}

void read_xattrs(archive_entry* entry, Xattrs& xattrs) {
  archive_entry_xattr_reset(entry);
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
    const std::string key = text_or_empty(name);
    if (key.empty() || key.size() > max_xattr_name_size)
      throw Error(Fault::malformed, "xattr " + quoted(key) + ": bad name");
    if (size > max_xattr_value_size) throw Error(Fault::malformed, "xattr " + quoted(key) + ": value over 65536 bytes");
    const std::string bytes(static_cast<const char*>(value), size);
    // bsdtar writes each one twice, as SCHILY.xattr and as LIBARCHIVE.xattr.
    const auto [place, is_new] = xattrs.emplace(key, bytes);
    if (!is_new && place->second != bytes) throw Error(Fault::malformed, "xattr " + quoted(key) + ": two values");
  }
}

}  // namespace

class TarReader::Archive {
 public:
  Archive(ChunkSource& stream, LayerStream* recorder)
      : stream_(stream), handle_(archive_read_new()), framing_(recorder) {
    if (handle_ == nullptr) throw std::bad_alloc();
    archive_read_support_format_tar(handle_.get());
    check(locale_.with([&] {
      return archive_read_open2(handle_.get(), this, nullptr, &Archive::read_chunk, &Archive::skip_data, nullptr);
    }));
  }
  Archive(const Archive&) = delete;
  Archive& operator=(const Archive&) = delete;

  archive_entry* next() {
    archive_entry* entry = nullptr;
    const int result = locale_.with([&] { return archive_read_next_header(handle_.get(), &entry); });
    if (result == ARCHIVE_EOF) {
      read_to_end();
      return nullptr;
    }
    if (result != ARCHIVE_WARN) check(result);
    if (!framing_.has_record()) {
      if (failure_) std::rethrow_exception(failure_);
      throw Error(Fault::malformed, "tar readers disagree on the number of entries");
    }
    record = framing_.take_record();
    map_bytes_ = 0;
    warning_ = result == ARCHIVE_WARN ? text_or_empty(archive_error_string(handle_.get())) : std::string{};
    return entry;
  }

  int read_data(const void** bytes, std::size_t* size, la_int64_t* offset) {
    const int result = archive_read_data_block(handle_.get(), bytes, size, offset);
    if (result != ARCHIVE_EOF) check(result);
    return result;
  }

  /// libarchive warns about names that are not UTF-8 and gives them as they are, which is right; any other warning
  /// is about something it could not read.
  void check_warning(archive_entry* entry) const {
    if (warning_.empty()) return;
    for (const char* text : {archive_entry_pathname(entry), archive_entry_hardlink(entry), archive_entry_symlink(entry),
                             archive_entry_uname(entry), archive_entry_gname(entry)}) {
      if (text != nullptr && !locale_.with([&] { return is_utf8(text); })) return;
    }
    throw Error(Fault::malformed, quoted(warning_));
  }

  TarRecord record;

 private:
  static la_ssize_t read_chunk(archive* handle, void* self, const void** buffer) {
    auto* const archive = static_cast<Archive*>(self);
    const ByteView chunk = archive->failure_ ? ByteView{} : archive->take_chunk();
    *buffer = chunk.data();
    if (!chunk.empty() || !archive->failure_) return static_cast<la_ssize_t>(chunk.size());
    archive_set_error(handle, EIO, "reading the stream");
    return ARCHIVE_FATAL;
  }

  /// libarchive passes over what nobody has asked it for. Only what both readers take for data is passed over: 0 makes
  /// libarchive read it.
  static la_int64_t skip_data(archive*, void* self, la_int64_t size) {
    auto* const archive = static_cast<Archive*>(self);
    if (archive->failure_) return 0;
    const std::uint64_t skipped = archive->stream_.skip(archive->framing_.may_skip(static_cast<std::uint64_t>(size)));
    if (skipped > 0) archive->framing_.skip(skipped);
    return static_cast<la_int64_t>(skipped);
  }

  /// Exceptions must not pass through C, so they are kept for check(). The chunk is handed on even if its framing is
  /// bad somewhere: what stands before that place comes first, and the error is not blamed on it.
  ByteView take_chunk() {
    ByteView chunk;
    try {
      chunk = stream_.next();
      // libarchive has seen a header and reads on: the map of a sparse file, which it keeps in memory.
      if (framing_.has_record() && (map_bytes_ += chunk.size()) > max_extension_size) {
        throw Error(Fault::malformed, "map of a sparse file of more than 1 MiB");
      }
      chunk.empty() ? framing_.finish() : framing_.feed(chunk);
    } catch (...) {
      failure_ = std::current_exception();
    }
    return chunk;
  }

  void read_to_end() {
    if (failure_) std::rethrow_exception(failure_);
    if (framing_.has_record()) throw Error(Fault::malformed, "tar readers disagree on the number of entries");
    while (!take_chunk().empty() && !failure_) {
      if (framing_.has_record()) throw Error(Fault::malformed, "tar readers disagree on the end of the archive");
    }
    if (failure_) std::rethrow_exception(failure_);
  }

  void check(int result) {
    if (result == ARCHIVE_OK) return;
    if (failure_) std::rethrow_exception(failure_);
    throw Error(Fault::malformed, quoted(text_or_empty(archive_error_string(handle_.get()))));
  }

  static bool is_utf8(const char* text) {
    std::mbstate_t state{};
    return std::mbsrtowcs(nullptr, &text, 0, &state) != static_cast<std::size_t>(-1);
  }

  struct Free {
    void operator()(archive* handle) const { archive_read_free(handle); }
  };

  ChunkSource& stream_;
  std::unique_ptr<archive, Free> handle_;  // the constructor may throw after it is made
  Utf8Locale locale_;
  TarFraming framing_;
  std::uint64_t map_bytes_ = 0;
  std::exception_ptr failure_;
  std::string warning_;
};

TarReader::TarReader(ChunkSource& stream, LayerStream* recorder)
    : archive_(std::make_unique<Archive>(stream, recorder)) {}

TarReader::~TarReader() = default;

const TarEntry* TarReader::next() {
  archive_entry* const entry = archive_->next();
  if (entry == nullptr) return nullptr;
  const TarRecord& record = archive_->record;
  entry_ = {};
  entry_.type = entry_type(record.type);
  entry_.path = record.path;
  entry_.link_target = record.link_target;
  entry_.offset = record.offset;
  during_entry(entry_.path, entry_.offset, [&] {
    archive_->check_warning(entry);
    const bool is_hard_link = entry_.type == TarEntry::Type::hard_link;
    const bool is_symlink = entry_.type == TarEntry::Type::symlink;
    if (text_or_empty(archive_entry_pathname(entry)) != record.path ||
        (archive_entry_hardlink(entry) != nullptr) != is_hard_link ||
        (is_hard_link && archive_entry_hardlink(entry) != record.link_target) ||
        (is_symlink && text_or_empty(archive_entry_symlink(entry)) != record.link_target) ||
        (!record.sparse && static_cast<std::uint64_t>(archive_entry_size(entry)) != record.stored_size)) {
      throw Error(Fault::malformed, "tar readers disagree on this entry");
    }
    entry_.size = static_cast<std::uint64_t>(archive_entry_size(entry));
    entry_.data_offset = record.sparse ? 0 : record.data_offset;
    entry_.metadata.permissions = archive_entry_perm(entry) & 07777U;
    entry_.metadata.uid = checked_id(archive_entry_uid(entry), "uid");
    entry_.metadata.gid = checked_id(archive_entry_gid(entry), "gid");
    entry_.metadata.mtime_seconds = archive_entry_mtime(entry);
    entry_.metadata.mtime_nanoseconds = static_cast<std::uint32_t>(archive_entry_mtime_nsec(entry));
    if (entry_.type == TarEntry::Type::character_device || entry_.type == TarEntry::Type::block_device) {
      entry_.rdev = packed_device(archive_entry_rdevmajor(entry), archive_entry_rdevminor(entry));
    }
    read_xattrs(entry, entry_.metadata.xattrs);
  });
  return &entry_;
}

std::optional<TarData> TarReader::next_data() {
  const void* bytes = nullptr;
  std::size_t size = 0;
  la_int64_t offset = 0;
  if (archive_->read_data(&bytes, &size, &offset) == ARCHIVE_EOF) return std::nullopt;
  return TarData{static_cast<std::uint64_t>(offset), ByteView(static_cast<const std::uint8_t*>(bytes), size)};
}

}  // namespace sealroot
