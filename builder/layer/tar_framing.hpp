// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// A strict look at the raw records of a tar, beside libarchive, which reads the entries. libarchive is lenient: an
// unknown type becomes a file, a damaged PAX record a warning, a cut archive an end. TarFraming sees the same bytes
// and refuses all that is not one clear reading; TarReader compares what the two have read.
//
//   [x: PAX records][L/K: GNU long names] header [data, padded to 512] ... 512 zeros 512 zeros [zeros]
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "builder/layer/layer_stream.hpp"
#include "store/core/bytes.hpp"

namespace sealroot {

/// One entry as its records spell it: PAX records win over GNU long names, and those over the header.
struct TarRecord {
  char type = '0';  // '0' for '\0' and '7' too
  std::string path;
  std::string link_target;
  std::uint64_t stored_size = 0;  // bytes of data in the archive; less than the file's size where it is sparse
  bool sparse = false;
  std::uint64_t offset = 0;       // of its first record
  std::uint64_t data_offset = 0;  // not known (0) for old GNU sparse files
};

class TarFraming {
 public:
  /// `recorder`, unless it is null, is told of all bytes and must outlive this.
  explicit TarFraming(LayerStream* recorder = nullptr) : recorder_(recorder) {}

  /// The next bytes of the archive. Throws Error{malformed} naming the offset of what is wrong.
  void feed(ByteView data);
  /// How many of the next `size_bytes` are data of an entry that nobody has to feed() ...
  std::uint64_t may_skip(std::uint64_t size_bytes) const;
  /// ... if this is told instead.
  void skip(std::uint64_t size_bytes);
  /// To be called at the end of the bytes: Error{malformed} if the archive is cut there.
  void finish() const;

  bool has_record() const { return !records_.empty(); }
  /// The oldest entry not yet taken.
  TarRecord take_record();

 private:
  enum class Expect { header, data, extension, sparse_map, second_zero_block, only_zeros };
  using Block = std::array<std::uint8_t, 512>;

  void record(ByteView data);
  void block_complete();
  void read_header();
  void extension_complete();
  void read_pax_records(bool global);
  void add_record(char type, std::uint64_t size);
  void skip_data(std::uint64_t size);

  LayerStream* recorder_;
  std::uint64_t content_left_ = 0;  // bytes of a content that becomes an object
  Expect expect_ = Expect::header;
  Block block_{};
  std::size_t filled_ = 0;    // bytes of block_
  std::uint64_t left_ = 0;    // bytes of data or extension still to come, padding included
  std::uint64_t offset_ = 0;  // of the next byte
  std::uint64_t header_offset_ = 0;
  std::string extension_;  // body of an 'x', 'g', 'L' or 'K' record
  std::uint64_t extension_size_ = 0;
  char extension_type_ = 0;
  std::uint64_t extensions_of_entry_ = 0;
  // What the extension records before an entry said.
  std::map<std::string, std::string, std::less<>> pax_;
  bool has_pax_ = false;
  std::string long_path_;
  std::string long_link_;
  bool in_entry_ = false;  // extension records have been seen, their entry not yet
  std::uint64_t entry_offset_ = 0;
  std::uint64_t sparse_data_ = 0;
  std::deque<TarRecord> records_;
};

}  // namespace sealroot
