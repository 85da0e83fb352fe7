// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Plan first (a list of section headers with their content), then emit: all offsets are known before a byte is written.
#include "builder/uki/assemble.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <vector>

#include "builder/uki/sbat.hpp"
#include "store/core/error.hpp"

namespace sealroot {
namespace {

struct PlannedSection {
  pe::SectionHeader header;
  ByteView content;
};

constexpr unsigned first_stub_with_ucode = 256;
constexpr std::string_view magic_prefix = "#### LoaderInfo: systemd-stub ";
constexpr std::string_view magic_suffix = " ####";

// Sections that a stub looks for; one that already has any is a UKI.
constexpr std::string_view payload_names[] = {".osrel", ".cmdline", ".dtb",    ".uname",  ".splash",
                                              ".ucode", ".pcrpkey", ".pcrsig", ".initrd", ".linux"};

Error malformed(const std::string& reason) { return {Fault::malformed, reason}; }

std::uint32_t checked_u32(std::uint64_t value) {
  if (value > UINT32_MAX) throw malformed("UKI: larger than the 4 GiB a PE file can be");
  return static_cast<std::uint32_t>(value);
}

void check_stub(const PeFile& stub) {
  if (!stub.certificate_table().empty()) {
    throw malformed("stub: is signed already; adding sections would break that signature: use the unsigned file");
  }
  if (!stub_major_version(stub)) throw malformed("stub: has no .sdmagic section with a version: not a systemd stub");
  for (const std::string_view name : payload_names) {
    if (stub.find_section(name) != nullptr) {
      throw malformed("stub: has a section " + std::string(name) + " already: it is a UKI, not a stub");
    }
  }
}

void check_parts(const UkiParts& parts, const PeFile& stub, const PeFile& kernel) {
  check_stub(stub);
  if (stub.coff().Machine != kernel.coff().Machine) {
    throw malformed("kernel: is for " + efi_architecture(kernel) + ", the stub for " + efi_architecture(stub));
  }
  if (parts.uname.find('\0') != std::string::npos) throw malformed("kernel version: holds a NUL byte");
  const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (parts.cmdline.empty()) throw malformed("command line: empty");
  if (std::any_of(parts.cmdline.begin(), parts.cmdline.end(), control)) {
    throw malformed("command line: holds a control character");
  }
  if (parts.os_release.empty()) throw malformed("os-release: empty");
  if (parts.os_release.find('\0') != std::string::npos) throw malformed("os-release: holds a NUL byte");
  if (parts.ucode && *stub_major_version(stub) < first_stub_with_ucode) {
    throw malformed("microcode: stub " + *stub_version(stub) + " does not load it; it needs 256 or newer");
  }
}

/// The stub's sections and the new ones, in the order of their addresses.
class Plan {
 public:
  explicit Plan(const PeFile& stub) : stub_(stub) {
    for (const pe::SectionHeader& section : stub.sections()) {
      PlannedSection planned{section, stub.raw_content(section)};
      // They would point into the symbol table, which is left out.
      planned.header.PointerToRelocations = 0;
      planned.header.PointerToLinenumbers = 0;
      planned.header.NumberOfRelocations = 0;
      planned.header.NumberOfLinenumbers = 0;
      sections_.push_back(planned);
    }
    std::stable_sort(sections_.begin(), sections_.end(), [](const PlannedSection& a, const PlannedSection& b) {
      return a.header.VirtualAddress < b.header.VirtualAddress;
    });
  }

  void append(std::string_view name, ByteView content) {
    PlannedSection planned{};
    std::copy(name.begin(), name.end(), planned.header.Name.begin());
    planned.header.VirtualAddress = checked_u32(end_of_memory());
    planned.header.VirtualSize = checked_u32(content.size());
    const std::uint32_t kind = name == ".linux" ? pe::section_code : pe::section_initialized_data;
    planned.header.Characteristics = kind | pe::section_read;
    planned.content = content;
    added_bytes_ += content.size();
    sections_.push_back(planned);
  }

  /// Widens the section where it stands. If the next one is in the way in memory (stub 252 leaves 256 bytes), moves it
  /// behind the others: nothing in a stub refers to it but by name.
  void replace(std::string_view name, ByteView content) {
    const auto old = std::find_if(sections_.begin(), sections_.end(),
                                  [&](const PlannedSection& planned) { return planned.header.name() == name; });
    if (old == sections_.end()) return append(name, content);
    const auto next = old + 1;
    if (next != sections_.end() && next->header.VirtualAddress - old->header.VirtualAddress < content.size()) {
      sections_.erase(old);
      return append(name, content);
    }
    old->header.VirtualSize = checked_u32(content.size());
    old->content = content;
  }

  Bytes emit(std::uint16_t dll_characteristics);

 private:
  std::uint64_t end_of_memory() const {
    if (sections_.empty()) return stub_.optional().SizeOfHeaders;
    const pe::SectionHeader& last = sections_.back().header;
    return round_up<std::uint64_t>(std::uint64_t{last.VirtualAddress} + last.VirtualSize,
                                   stub_.optional().SectionAlignment);
  }
  void check_header_space() const;
  std::uint32_t place();
  Bytes headers(std::uint16_t dll_characteristics) const;

  const PeFile& stub_;
  std::vector<PlannedSection> sections_;
  std::uint64_t added_bytes_ = 0;
};

void Plan::check_header_space() const {
  const std::size_t room =
      (stub_.optional().SizeOfHeaders - stub_.section_headers_offset()) / sizeof(pe::SectionHeader);
  if (sections_.size() > room) {
    throw malformed("stub: has room for " + std::to_string(room) + " section headers, the UKI needs " +
                    std::to_string(sections_.size()) + "; use a newer stub or leave out optional sections");
  }
}

/// Gives every section its place in the file; returns the file's size.
std::uint32_t Plan::place() {
  const std::uint32_t alignment = stub_.optional().FileAlignment;
  std::uint64_t offset = round_up<std::uint64_t>(stub_.optional().SizeOfHeaders, alignment);
  for (PlannedSection& planned : sections_) {
    const std::uint64_t size = round_up<std::uint64_t>(planned.content.size(), alignment);
    planned.header.PointerToRawData = size == 0 ? 0 : checked_u32(offset);
    planned.header.SizeOfRawData = checked_u32(size);
    offset += size;
  }
  return checked_u32(offset);
}

Bytes Plan::headers(std::uint16_t dll_characteristics) const {
  const ByteView file = stub_.file();
  Bytes out(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(stub_.section_headers_offset()));
  out.resize(stub_.optional().SizeOfHeaders, 0);

  pe::CoffHeader coff = stub_.coff();
  coff.NumberOfSections = static_cast<std::uint16_t>(sections_.size());
  coff.PointerToSymbolTable = 0;
  coff.NumberOfSymbols = 0;
  pe::OptionalHeader optional = stub_.optional();
  optional.SizeOfInitializedData = checked_u32(optional.SizeOfInitializedData + added_bytes_);
  optional.SizeOfImage = checked_u32(end_of_memory());
  optional.CheckSum = 0;
  optional.DllCharacteristics = dll_characteristics;

  std::memcpy(out.data() + stub_.pe_offset() + 4, &coff, sizeof(coff));
  std::memcpy(out.data() + stub_.optional_offset(), &optional, sizeof(optional));
  std::size_t offset = stub_.section_headers_offset();
  for (const PlannedSection& planned : sections_) {
    std::memcpy(out.data() + offset, &planned.header, sizeof(planned.header));
    offset += sizeof(planned.header);
  }
  return out;
}

Bytes Plan::emit(std::uint16_t dll_characteristics) {
  check_header_space();
  const std::uint32_t size = place();
  Bytes out = headers(dll_characteristics);
  out.resize(size, 0);
  for (const PlannedSection& planned : sections_) {
    std::copy(planned.content.begin(), planned.content.end(), out.begin() + planned.header.PointerToRawData);
  }
  return out;
}

void append_payload(Plan& plan, const UkiParts& parts) {
  const auto optional = [&](std::string_view name, const std::optional<Bytes>& content) {
    if (content) plan.append(name, *content);
  };
  plan.append(".osrel", as_bytes(parts.os_release));
  plan.append(".cmdline", as_bytes(parts.cmdline));
  optional(".dtb", parts.dtb);
  if (!parts.uname.empty()) plan.append(".uname", as_bytes(parts.uname));
  optional(".splash", parts.splash);
  optional(".pcrpkey", parts.pcrpkey);
  plan.append(".linux", parts.kernel);
  if (!parts.initrd.empty()) plan.append(".initrd", parts.initrd);
  optional(".ucode", parts.ucode);
  optional(".pcrsig", parts.pcrsig);
}

std::string sbat_of(const UkiParts& parts, const PeFile& stub, const PeFile& kernel) {
  return merge_sbat({as_text(stub.find_content(".sbat").value_or(ByteView{})),
                     as_text(kernel.find_content(".sbat").value_or(ByteView{})), parts.sbat.value_or("")});
}

}  // namespace

Bytes assemble_uki(const UkiParts& parts) {
  const PeFile stub = during("stub", [&] { return PeFile::parse(parts.stub); });
  const PeFile kernel = during("kernel", [&] { return PeFile::parse(parts.kernel); });
  check_parts(parts, stub, kernel);

  Plan plan(stub);
  const std::string sbat = sbat_of(parts, stub, kernel);
  plan.replace(".sbat", as_bytes(sbat));
  append_payload(plan, parts);

  // The firmware would map the kernel without execute permission where it wants to write.
  unsigned flags = stub.optional().DllCharacteristics;
  if ((kernel.optional().DllCharacteristics & pe::dll_nx_compat) == 0) flags &= ~unsigned{pe::dll_nx_compat};
  return plan.emit(static_cast<std::uint16_t>(flags));
}

std::optional<std::string> stub_version(const PeFile& file) {
  std::string_view text = as_text(file.find_content(".sdmagic").value_or(ByteView{}));
  if (!text.starts_with(magic_prefix)) return std::nullopt;
  text.remove_prefix(magic_prefix.size());
  const std::size_t end = text.find(magic_suffix);
  if (end == std::string_view::npos || end == 0) return std::nullopt;
  text = text.substr(0, end);
  if (!std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; })) return std::nullopt;
  return std::string(text);
}

std::optional<unsigned> stub_major_version(const PeFile& file) {
  const auto version = stub_version(file);
  if (!version) return std::nullopt;
  unsigned major = 0;
  const auto [end, error] = std::from_chars(version->data(), version->data() + version->size(), major);
  if (error != std::errc{}) return std::nullopt;
  return major;
}

std::string efi_architecture(const PeFile& file) {
  switch (file.coff().Machine) {
    case pe::machine_x64:
      return "x64";
    case pe::machine_arm64:
      return "aa64";
    case pe::machine_riscv64:
      return "riscv64";
    case pe::machine_loongarch64:
      return "loongarch64";
    default:
      throw malformed("PE file: for an architecture that is not known here");
  }
}

}  // namespace sealroot
