// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/uki/pe.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>

#include "store/core/error.hpp"

namespace sealroot {
namespace {

// A UKI has about 20; the limit only keeps a hostile header from costing memory.
constexpr std::size_t max_sections = 96;

Error malformed(const std::string& reason) { return {Fault::malformed, "PE file: " + reason}; }

/// The structure at `offset`; the end of the file is checked.
template <typename T>
T read_at(ByteView file, std::size_t offset, std::string_view what) {
  if (offset > file.size() || file.size() - offset < sizeof(T)) {
    throw malformed(std::string(what) + " lies outside the file");
  }
  T object;
  std::memcpy(static_cast<void*>(&object), file.data() + offset, sizeof(T));
  return object;
}

std::string section_label(const pe::SectionHeader& section) { return "section " + quoted(section.name()); }

}  // namespace

PeFile PeFile::parse(ByteView file) {
  PeFile result(file);
  result.read_headers();
  result.check_sections();
  result.check_certificate_table();
  return result;
}

void PeFile::read_headers() {
  const auto dos = read_at<pe::DosHeader>(file_, 0, "the DOS header");
  if (dos.e_magic != pe::dos_magic) throw malformed("no MZ at its start");
  pe_offset_ = dos.e_lfanew;
  if (read_at<le32>(file_, pe_offset_, "the PE signature") != pe::pe_signature) throw malformed("no PE signature");
  coff_ = read_at<pe::CoffHeader>(file_, pe_offset_ + 4, "the COFF header");
  optional_ = read_at<pe::OptionalHeader>(file_, optional_offset(), "the optional header");
  if (optional_.Magic != pe::pe32_plus_magic) throw malformed("not PE32+ (64 bit)");

  const std::size_t entries = optional_.NumberOfRvaAndSizes;
  if (entries > pe::max_directory_entries) throw malformed("more than 16 data directory entries");
  if (coff_.SizeOfOptionalHeader != sizeof(pe::OptionalHeader) + entries * sizeof(pe::DataDirectory)) {
    throw malformed("SizeOfOptionalHeader does not fit the number of data directory entries");
  }
  for (std::size_t i = 0; i < entries; ++i) {
    directory_.push_back(
        read_at<pe::DataDirectory>(file_, directory_offset() + i * sizeof(pe::DataDirectory), "the data directory"));
  }
  const std::size_t count = coff_.NumberOfSections;
  if (count > max_sections) throw malformed("more than " + std::to_string(max_sections) + " sections");
  for (std::size_t i = 0; i < count; ++i) {
    sections_.push_back(read_at<pe::SectionHeader>(file_, section_headers_offset() + i * sizeof(pe::SectionHeader),
                                                   "the section table"));
  }
  if (!std::has_single_bit<std::uint32_t>(optional_.FileAlignment) ||
      !std::has_single_bit<std::uint32_t>(optional_.SectionAlignment)) {
    throw malformed("an alignment is not a power of two");
  }
  if (optional_.SizeOfHeaders > file_.size() || optional_.SizeOfHeaders < section_headers_end()) {
    throw malformed("SizeOfHeaders does not cover the section table or leaves the file");
  }
}

void PeFile::check_sections() const {
  std::size_t end = optional_.SizeOfHeaders;
  for (const pe::SectionHeader& section : sections_by_offset(*this)) {
    const std::size_t start = section.PointerToRawData;
    if (start < end) throw malformed(section_label(section) + " overlaps what stands before it in the file");
    if (start > file_.size() || section.SizeOfRawData > file_.size() - start) {
      throw malformed(section_label(section) + " ends outside the file");
    }
    end = start + section.SizeOfRawData;
  }
  for (const pe::SectionHeader& section : sections_) {
    const std::uint64_t memory_end = std::uint64_t{section.VirtualAddress} + section.VirtualSize;
    if (memory_end > UINT32_MAX) throw malformed(section_label(section) + " ends above 4 GiB in memory");
  }
}

void PeFile::check_certificate_table() const {
  if (directory_.size() <= pe::certificate_entry) return;
  const pe::DataDirectory& entry = directory_[pe::certificate_entry];
  if (entry.Size == 0 && entry.VirtualAddress == 0) return;
  const std::uint64_t start = entry.VirtualAddress;
  const auto sections = sections_by_offset(*this);
  const std::uint64_t sections_end =
      sections.empty() ? std::uint64_t{optional_.SizeOfHeaders}
                       : std::uint64_t{sections.back().PointerToRawData} + sections.back().SizeOfRawData;
  if (start % 8 != 0 || start < sections_end || entry.Size < sizeof(pe::WinCertificate) ||
      start + entry.Size != file_.size()) {
    throw malformed("the certificate table is not the aligned end of the file");
  }
}

const pe::SectionHeader* PeFile::find_section(std::string_view name) const {
  const auto found = std::find_if(sections_.begin(), sections_.end(),
                                  [&](const pe::SectionHeader& section) { return section.name() == name; });
  return found == sections_.end() ? nullptr : &*found;
}

ByteView PeFile::raw_content(const pe::SectionHeader& section) const {
  if (section.SizeOfRawData == 0) return {};
  return file_.subspan(section.PointerToRawData, section.SizeOfRawData);
}

ByteView PeFile::content(const pe::SectionHeader& section) const {
  return raw_content(section).first(std::min<std::size_t>(section.VirtualSize, section.SizeOfRawData));
}

std::optional<ByteView> PeFile::find_content(std::string_view name) const {
  const pe::SectionHeader* section = find_section(name);
  if (section == nullptr) return std::nullopt;
  return content(*section);
}

ByteView PeFile::certificate_table() const { return file_.subspan(end_of_image()); }

std::size_t PeFile::end_of_image() const {
  if (directory_.size() <= pe::certificate_entry || directory_[pe::certificate_entry].Size == 0) return file_.size();
  return directory_[pe::certificate_entry].VirtualAddress;
}

std::vector<pe::SectionHeader> sections_by_offset(const PeFile& file) {
  std::vector<pe::SectionHeader> sorted;
  for (const pe::SectionHeader& section : file.sections()) {
    if (section.SizeOfRawData != 0) sorted.push_back(section);
  }
  std::stable_sort(sorted.begin(), sorted.end(), [](const pe::SectionHeader& a, const pe::SectionHeader& b) {
    return a.PointerToRawData < b.PointerToRawData;
  });
  return sorted;
}

}  // namespace sealroot
