// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/layer/tar_framing.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include "builder/layer/limits.hpp"
#include "builder/layer/tar_header.hpp"
#include "builder/tree/tree.hpp"
#include "store/core/error.hpp"

namespace sealroot {

namespace {

Error bad(const std::string& reason) { return {Fault::malformed, reason}; }

bool all_zero(ByteView data) {
  return std::all_of(data.begin(), data.end(), [](std::uint8_t byte) { return byte == 0; });
}

/// A long name ends at its NUL; what follows that is padding.
std::string long_name(const std::string& body) {
  const std::size_t end = std::min(body.find('\0'), body.size());
  if (end == 0) throw bad("GNU long name is empty");
  if (body.find_first_not_of('\0', end) != std::string::npos) throw bad("GNU long name has a NUL byte");
  return body.substr(0, end);
}

}  // namespace

void TarFraming::feed(ByteView data) {
  while (!data.empty()) {
    if (expect_ == Expect::only_zeros) {
      if (!all_zero(data)) throw bad("bytes that are not zero follow the end of the archive");
      record(data);
      offset_ += data.size();
      return;
    }
    const bool whole_blocks = expect_ == Expect::data || expect_ == Expect::extension;
    const std::size_t piece = std::min<std::uint64_t>(data.size(), whole_blocks ? left_ : block_.size() - filled_);
    const ByteView taken = data.first(piece);
    data = data.subspan(piece);
    offset_ += piece;
    record(taken);
    if (whole_blocks) {
      if (expect_ == Expect::extension) extension_ += as_text(taken);
      left_ -= piece;
      if (left_ == 0 && std::exchange(expect_, Expect::header) == Expect::extension) extension_complete();
    } else {
      std::copy(taken.begin(), taken.end(), block_.begin() + static_cast<std::ptrdiff_t>(filled_));
      filled_ += piece;
      if (filled_ == block_.size()) block_complete();
    }
  }
}

std::uint64_t TarFraming::may_skip(std::uint64_t size_bytes) const {
  return expect_ == Expect::data && recorder_ == nullptr ? std::min(size_bytes, left_) : 0;
}

void TarFraming::skip(std::uint64_t size_bytes) {
  offset_ += size_bytes;
  left_ -= size_bytes;
  if (left_ == 0) expect_ = Expect::header;
}

void TarFraming::record(ByteView data) {
  if (recorder_ == nullptr) return;
  const auto content = static_cast<std::size_t>(std::min<std::uint64_t>(data.size(), content_left_));
  content_left_ -= content;
  recorder_->write(data.subspan(content));
}

void TarFraming::finish() const {
  if (expect_ == Expect::only_zeros) return;
  if (expect_ == Expect::header && filled_ == 0)
    throw bad("archive is cut: no end mark at offset " + std::to_string(offset_));
  throw bad("archive is cut at offset " + std::to_string(offset_));
}

TarRecord TarFraming::take_record() {
  TarRecord record = std::move(records_.front());
  records_.pop_front();
  return record;
}

void TarFraming::block_complete() {
  filled_ = 0;
  if (expect_ == Expect::sparse_map) {
    const bool continued = block_[504] != 0;
    if (!continued) skip_data(sparse_data_);
    return;
  }
  const bool zero = all_zero(block_);
  if (expect_ == Expect::second_zero_block) {
    if (!zero) throw bad("only one block of zeros before offset " + std::to_string(offset_ - block_.size()));
    expect_ = Expect::only_zeros;
    return;
  }
  header_offset_ = offset_ - block_.size();
  if (zero) {
    if (in_entry_) throw bad("extension records without an entry at offset " + std::to_string(header_offset_));
    expect_ = Expect::second_zero_block;
    return;
  }
  during("tar header at offset " + std::to_string(header_offset_), [&] { read_header(); });
}

void TarFraming::read_header() {
  const auto header = std::bit_cast<TarHeader>(block_);
  const TarDialect dialect = check_tar_header(header);
  const std::uint64_t size = tar_number({header.size.data(), header.size.size()}, "size");
  const char type = header.typeflag == '\0' || header.typeflag == '7' ? '0' : header.typeflag;
  if (type != 'g' && !in_entry_) {
    entry_offset_ = header_offset_;
    extensions_of_entry_ = 0;
  }
  if (type == 'x' || type == 'g' || type == 'L' || type == 'K') {
    extensions_of_entry_ += size;
    if (size == 0 || extensions_of_entry_ > max_extension_size) {
      throw bad("extension records of " + std::to_string(extensions_of_entry_) + " bytes; there must be 1 to " +
                std::to_string(max_extension_size));
    }
    in_entry_ = in_entry_ || type != 'g';
    extension_.clear();
    extension_size_ = size;
    extension_type_ = type;
    left_ = round_up(size, 512);
    expect_ = Expect::extension;
    return;
  }
  if (std::string_view("0123456S").find(type) == std::string_view::npos) {
    throw bad("unknown entry type " + quoted(std::string(1, type)));
  }
  if ((!long_path_.empty() && pax_.contains("path")) || (!long_link_.empty() && pax_.contains("linkpath"))) {
    throw bad("both a GNU long name and a PAX name for one entry");
  }
  long_path_ = long_path_.empty() ? tar_name(header, dialect) : long_path_;
  long_link_ = long_link_.empty() ? tar_text({header.linkname.data(), header.linkname.size()}) : long_link_;
  // The oldest tars had no type for directories.
  const bool old_directory = dialect == TarDialect::old && type == '0' && long_path_.ends_with('/');
  add_record(old_directory ? '5' : type, size);
}

void TarFraming::extension_complete() {
  extension_.resize(static_cast<std::size_t>(extension_size_));
  during("extension records at offset " + std::to_string(header_offset_), [&] {
    if (extension_type_ == 'L' || extension_type_ == 'K') {
      std::string& name = extension_type_ == 'L' ? long_path_ : long_link_;
      if (!name.empty()) throw bad("two GNU long names for one entry");
      name = long_name(extension_);
    } else {
      read_pax_records(extension_type_ == 'g');
    }
  });
  extension_.clear();
}

void TarFraming::read_pax_records(bool global) {
  if (!global) {
    if (has_pax_) throw bad("two PAX headers for one entry");
    has_pax_ = true;
    parse_pax_records(extension_, pax_);
    return;
  }
  // Readers disagree on global records: GNU tar applies them, libarchive and Go do not. Only what changes no entry.
  std::map<std::string, std::string, std::less<>> records;
  parse_pax_records(extension_, records);
  for (const auto& [key, value] : records) {
    if (key != "comment") throw bad("global PAX record " + quoted(key) + "; only a comment may be global");
  }
}

void TarFraming::add_record(char type, std::uint64_t size) {
  TarRecord record;
  const auto value = [&](std::string_view key) {
    const auto found = pax_.find(key);
    return found == pax_.end() ? nullptr : &found->second;
  };
  if (const std::string* text = value("size")) size = pax_number(*text, "size");
  record.path = value("path") != nullptr ? *value("path") : long_path_;
  record.link_target = value("linkpath") != nullptr ? *value("linkpath") : long_link_;
  if (value("GNU.sparse.name") != nullptr) record.path = *value("GNU.sparse.name");
  const auto sparse = pax_.lower_bound("GNU.sparse.");
  record.sparse = type == 'S' || (sparse != pax_.end() && sparse->first.starts_with("GNU.sparse."));
  record.type = type == 'S' ? '0' : type;
  record.stored_size = size;
  record.offset = entry_offset_;
  record.data_offset = type == 'S' ? 0 : offset_;
  if ((type == '1' || type == '2') && record.link_target.empty()) {
    throw bad("entry " + quoted(record.path) + " is a link without a target");
  }
  if (size > max_total_size) throw bad("entry " + quoted(record.path) + " has " + std::to_string(size) + " bytes");
  if (record.type != '0' && size != 0) throw bad("entry " + quoted(record.path) + " is no file but has data");
  if (recorder_ != nullptr && record.sparse) recorder_->give_up("sparse files, which cfsctl does not read");
  if (recorder_ != nullptr && !record.sparse && size > max_inline_size) {
    recorder_->write_content(size);
    content_left_ = size;
  }
  pax_.clear();
  has_pax_ = in_entry_ = false;
  long_path_.clear();
  long_link_.clear();
  records_.push_back(std::move(record));
  const bool more_sparse_map = type == 'S' && block_[482] != 0;
  sparse_data_ = size;
  if (more_sparse_map) {
    expect_ = Expect::sparse_map;
  } else {
    skip_data(size);
  }
}

void TarFraming::skip_data(std::uint64_t size) {
  left_ = round_up(size, 512);
  expect_ = left_ == 0 ? Expect::header : Expect::data;
}

}  // namespace sealroot
