// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// PE32+ structures as they stand in a file, with the specification's field names.
//   file = DOS header | PE signature | COFF header | optional header | section headers | sections | certificate table
// Source: https://learn.microsoft.com/windows/win32/debug/pe-format
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "store/core/bytes.hpp"

namespace sealroot::pe {

inline constexpr std::uint16_t dos_magic = 0x5a4d;         // "MZ"
inline constexpr std::uint32_t pe_signature = 0x00004550;  // "PE\0\0"
inline constexpr std::uint16_t pe32_plus_magic = 0x020b;
inline constexpr std::size_t certificate_entry = 4;  // its VirtualAddress is a file offset
inline constexpr std::size_t max_directory_entries = 16;

inline constexpr std::uint16_t machine_riscv64 = 0x5064;
inline constexpr std::uint16_t machine_loongarch64 = 0x6264;
inline constexpr std::uint16_t machine_x64 = 0x8664;
inline constexpr std::uint16_t machine_arm64 = 0xaa64;

inline constexpr std::uint16_t dll_nx_compat = 0x0100;

inline constexpr std::uint32_t section_code = 0x00000020;
inline constexpr std::uint32_t section_initialized_data = 0x00000040;
inline constexpr std::uint32_t section_execute = 0x20000000;
inline constexpr std::uint32_t section_read = 0x40000000;

struct DosHeader {
  le16 e_magic;
  std::array<std::uint8_t, 58> unused;
  le32 e_lfanew;  // file offset of the PE signature
};
static_assert(sizeof(DosHeader) == 64 && alignof(DosHeader) == 1);

struct CoffHeader {
  le16 Machine;
  le16 NumberOfSections;
  le32 TimeDateStamp;
  le32 PointerToSymbolTable;
  le32 NumberOfSymbols;
  le16 SizeOfOptionalHeader;
  le16 Characteristics;
};
static_assert(sizeof(CoffHeader) == 20 && alignof(CoffHeader) == 1);

/// The PE32+ optional header without its data directory.
struct OptionalHeader {
  le16 Magic;
  std::uint8_t MajorLinkerVersion;
  std::uint8_t MinorLinkerVersion;
  le32 SizeOfCode;
  le32 SizeOfInitializedData;
  le32 SizeOfUninitializedData;
  le32 AddressOfEntryPoint;
  le32 BaseOfCode;
  le64 ImageBase;
  le32 SectionAlignment;
  le32 FileAlignment;
  std::array<le16, 6> versions;
  le32 Win32VersionValue;
  le32 SizeOfImage;
  le32 SizeOfHeaders;
  le32 CheckSum;
  le16 Subsystem;
  le16 DllCharacteristics;
  std::array<le64, 4> stack_and_heap;
  le32 LoaderFlags;
  le32 NumberOfRvaAndSizes;
};
static_assert(sizeof(OptionalHeader) == 112 && offsetof(OptionalHeader, CheckSum) == 64);

struct DataDirectory {
  le32 VirtualAddress;
  le32 Size;
};
static_assert(sizeof(DataDirectory) == 8);

struct SectionHeader {
  std::array<char, 8> Name;  // padded with NUL, not terminated if all eight are used
  le32 VirtualSize;
  le32 VirtualAddress;
  le32 SizeOfRawData;
  le32 PointerToRawData;
  le32 PointerToRelocations;
  le32 PointerToLinenumbers;
  le16 NumberOfRelocations;
  le16 NumberOfLinenumbers;
  le32 Characteristics;

  std::string_view name() const {
    const std::string_view all(Name.data(), Name.size());
    return all.substr(0, all.find('\0'));
  }
};
static_assert(sizeof(SectionHeader) == 40 && alignof(SectionHeader) == 1);

/// One entry of the certificate table; `dwLength` counts this header too. Source: PE format, "The Attribute
/// Certificate Table".
struct WinCertificate {
  le32 dwLength;
  le16 wRevision;
  le16 wCertificateType;
};
static_assert(sizeof(WinCertificate) == 8);

}  // namespace sealroot::pe
