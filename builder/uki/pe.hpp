// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Strict reader of PE32+ files: stubs, kernels and UKIs. They may come out of a container image, so nothing in them is
// believed: after parse() every section and the certificate table are known to lie inside the file, and no two parts
// of it overlap.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "builder/uki/pe_format.hpp"
#include "store/core/bytes.hpp"

namespace sealroot {

class PeFile {
 public:
  /// Reads the headers of `file`, which must outlive the result. Throws Error{malformed} saying what is wrong.
  static PeFile parse(ByteView file);

  ByteView file() const { return file_; }
  const pe::CoffHeader& coff() const { return coff_; }
  const pe::OptionalHeader& optional() const { return optional_; }
  const std::vector<pe::DataDirectory>& directory() const { return directory_; }
  const std::vector<pe::SectionHeader>& sections() const { return sections_; }

  /// The first section of this name, nullptr if there is none. The list of sections owns it.
  const pe::SectionHeader* find_section(std::string_view name) const;
  /// What a loader puts into memory of the section: its first VirtualSize bytes, as far as the file has them.
  ByteView content(const pe::SectionHeader& section) const;
  /// All its bytes in the file, with the padding.
  ByteView raw_content(const pe::SectionHeader& section) const;
  /// Content of the first section of this name.
  std::optional<ByteView> find_content(std::string_view name) const;

  /// The certificate table (empty if the file is not signed), and where the rest of the file ends.
  ByteView certificate_table() const;
  std::size_t end_of_image() const;

  /// File offsets of fields that signing changes.
  std::size_t pe_offset() const { return pe_offset_; }
  std::size_t optional_offset() const { return pe_offset_ + 4 + sizeof(pe::CoffHeader); }
  std::size_t checksum_offset() const { return optional_offset() + offsetof(pe::OptionalHeader, CheckSum); }
  std::size_t directory_offset() const { return optional_offset() + sizeof(pe::OptionalHeader); }
  std::size_t certificate_entry_offset() const {
    return directory_offset() + pe::certificate_entry * sizeof(pe::DataDirectory);
  }
  std::size_t section_headers_offset() const { return optional_offset() + coff_.SizeOfOptionalHeader; }
  std::size_t section_headers_end() const {
    return section_headers_offset() + sections_.size() * sizeof(pe::SectionHeader);
  }

 private:
  explicit PeFile(ByteView file) : file_(file) {}
  void read_headers();
  void check_sections() const;
  void check_certificate_table() const;

  ByteView file_;
  std::size_t pe_offset_ = 0;
  pe::CoffHeader coff_{};
  pe::OptionalHeader optional_{};
  std::vector<pe::DataDirectory> directory_;
  std::vector<pe::SectionHeader> sections_;
};

/// The sections with bytes in the file, by file offset: the order in which Authenticode covers them.
std::vector<pe::SectionHeader> sections_by_offset(const PeFile& file);

}  // namespace sealroot
