// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/uki/assemble.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "builder/uki/sbat.hpp"
#include "store/core/error.hpp"
#include "tests/catch.hpp"
#include "tests/unit/uki/uki_fixture.hpp"

using namespace sealroot;

namespace {

std::string text_of(const PeFile& file, std::string_view name) {
  const auto content = file.find_content(name);
  REQUIRE(content.has_value());
  return std::string(as_text(*content));
}

Bytes bytes_of_section(const PeFile& file, std::string_view name) {
  const auto content = file.find_content(name);
  REQUIRE(content.has_value());
  return Bytes(content->begin(), content->end());
}

}  // namespace

TEST_CASE("sections of a UKI equal the parts byte for byte") {
  UkiParts parts = sample_parts();
  parts.splash = Bytes(77, 'S');
  const Bytes uki = assemble_uki(parts);
  const PeFile file = PeFile::parse(uki);
  CHECK(text_of(file, ".osrel") == parts.os_release);
  CHECK(text_of(file, ".cmdline") == parts.cmdline);
  CHECK(text_of(file, ".uname") == parts.uname);
  CHECK(bytes_of_section(file, ".splash") == *parts.splash);
  CHECK(bytes_of_section(file, ".initrd") == parts.initrd);
  CHECK(bytes_of_section(file, ".linux") == parts.kernel);
  CHECK(file.find_section(".linux")->VirtualSize == parts.kernel.size());
  CHECK(file.find_section(".dtb") == nullptr);
}

TEST_CASE("the stub's own sections are kept") {
  const UkiParts parts = sample_parts();
  const Bytes uki = assemble_uki(parts);
  const PeFile stub = PeFile::parse(parts.stub);
  const PeFile file = PeFile::parse(uki);
  for (const pe::SectionHeader& section : stub.sections()) {
    if (section.name() == ".sbat") continue;
    INFO(section.name());
    const pe::SectionHeader* kept = file.find_section(section.name());
    REQUIRE(kept != nullptr);
    CHECK(kept->VirtualAddress == section.VirtualAddress);
    CHECK(kept->VirtualSize == section.VirtualSize);
    CHECK(std::ranges::equal(file.raw_content(*kept), stub.raw_content(section)));
  }
  CHECK(stub_version(file) == stub_version(stub));
  CHECK(stub_major_version(file).value_or(0) >= 252);
}

TEST_CASE("the layout in memory has no overlap, grows and is what SizeOfImage says") {
  UkiParts parts = sample_parts();
  parts.sbat = std::string(default_sbat);
  const Bytes uki = assemble_uki(parts);
  const PeFile file = PeFile::parse(uki);
  std::uint64_t end = 0;
  for (const pe::SectionHeader& section : file.sections()) {
    INFO(section.name());
    CHECK(section.VirtualAddress >= end);
    CHECK(section.SizeOfRawData % file.optional().FileAlignment == 0);
    end = std::uint64_t{section.VirtualAddress} + section.VirtualSize;
  }
  CHECK(file.optional().SizeOfImage == round_up<std::uint64_t>(end, file.optional().SectionAlignment));
  CHECK(file.optional().CheckSum == 0);
}

// ukify 257 (Debian 13: systemd-ukify) writes .sbat of stub 252 over .sdmagic in memory; only newer stubs are compared.
TEST_CASE("ukify makes the same file of the same parts") {
  const char* chosen = std::getenv("SEALROOT_TEST_UKIFY");
  const std::string ukify = chosen != nullptr ? chosen : "ukify";
  if (!has_program(ukify)) {
    WARN("ukify is not installed: nothing was compared with it");
    return;
  }
  UkiParts parts = sample_parts();
  if (stub_major_version(PeFile::parse(parts.stub)).value_or(0) < 254) {
    WARN("the installed stub is older than 254: nothing was compared with ukify");
    return;
  }
  parts.sbat = std::string(default_sbat);
  parts.splash = Bytes(77, 'S');
  const Scratch scratch;
  write_new_file(scratch.directory(), "stub", parts.stub);
  write_new_file(scratch.directory(), "linux", parts.kernel);
  write_new_file(scratch.directory(), "initrd", parts.initrd);
  write_new_file(scratch.directory(), "osrel", as_bytes(parts.os_release));
  write_new_file(scratch.directory(), "splash", *parts.splash);
  INFO(output_of(scratch, ukify +
                              " build --stub=stub --linux=linux --initrd=initrd --os-release=@osrel --splash=splash "
                              "--uname=" +
                              parts.uname + " --cmdline='" + parts.cmdline + "' --output=uki.efi"));
  const bool same = read_file(scratch.directory(), "uki.efi") == assemble_uki(parts);
  CHECK(same);
}

TEST_CASE("assembling twice gives equal bytes") { CHECK(assemble_uki(sample_parts()) == assemble_uki(sample_parts())); }

TEST_CASE("SBAT lines of stub, kernel and caller are merged under one header") {
  UkiParts parts = sample_parts();
  parts.sbat = std::string(default_sbat) + "uki.sample,3,Sample,sample,1,https://example.org/\n";
  const Bytes uki = assemble_uki(parts);
  const PeFile file = PeFile::parse(uki);
  const std::string sbat = text_of(file, ".sbat");
  CHECK(sbat.starts_with("sbat,1,SBAT Version,"));
  CHECK_THAT(sbat, has_text(",1,The systemd Developers,"));
  CHECK_THAT(sbat, has_text("uki.sample,3,"));
  CHECK(sbat.find("SBAT Version") == sbat.rfind("SBAT Version"));
  CHECK(std::count_if(file.sections().begin(), file.sections().end(),
                      [](const auto& section) { return section.name() == ".sbat"; }) == 1);
}

TEST_CASE("merge_sbat drops repeated lines and headers and refuses what is no SBAT") {
  CHECK(merge_sbat({"sbat,1,x\na,1,b\n", "a,1,b\nc,2\n"}) ==
        std::string("sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md\na,1,b\nc,2\n") +
            '\0');
  CHECK_THROWS_WITH(merge_sbat({"a,x,b\n"}), has_text("SBAT line 'a,x,b'"));
  CHECK_THROWS_WITH(merge_sbat({"a\x01,1,b\n"}), has_text("\\x01"));
  CHECK_THROWS_WITH(merge_sbat({",1,b\n"}), has_text("component,generation"));
}

TEST_CASE("NX_COMPAT is kept only if the kernel has it") {
  UkiParts parts = sample_parts();
  const auto flags = [&] {
    const Bytes uki = assemble_uki(parts);
    return unsigned{PeFile::parse(uki).optional().DllCharacteristics} & pe::dll_nx_compat;
  };
  PeFile stub = PeFile::parse(parts.stub);
  pe::OptionalHeader optional = stub.optional();
  optional.DllCharacteristics = pe::dll_nx_compat;
  std::memcpy(parts.stub.data() + stub.optional_offset(), &optional, sizeof(optional));
  CHECK(flags() == pe::dll_nx_compat);
  parts.kernel = small_pe("kernel", 0);
  CHECK(flags() == 0);
}

TEST_CASE("the COFF symbol table is left out") {
  UkiParts parts = sample_parts();
  const PeFile stub = PeFile::parse(parts.stub);
  pe::CoffHeader coff = stub.coff();
  coff.PointerToSymbolTable = static_cast<std::uint32_t>(parts.stub.size());
  coff.NumberOfSymbols = 2;
  std::memcpy(parts.stub.data() + stub.pe_offset() + 4, &coff, sizeof(coff));
  parts.stub.insert(parts.stub.end(), 36, 0xee);
  CHECK(assemble_uki(parts) == assemble_uki(sample_parts()));
}

TEST_CASE("parts that can't make a safe UKI are refused with the reason") {
  UkiParts parts = sample_parts();
  const auto refuse = [&](const std::string& text) { CHECK_THROWS_WITH(assemble_uki(parts), has_text(text)); };
  SECTION("empty command line") {
    parts.cmdline = "";
    refuse("command line: empty");
  }
  SECTION("newline in the command line") {
    parts.cmdline = "a\nb";
    refuse("command line: holds a control character");
  }
  SECTION("no os-release") {
    parts.os_release = "";
    refuse("os-release: empty");
  }
  SECTION("a UKI in place of the stub") {
    parts.stub = assemble_uki(parts);
    refuse("it is a UKI, not a stub");
  }
  SECTION("not a systemd stub") {
    parts.stub = parts.kernel;
    refuse("no .sdmagic section");
  }
  SECTION("a kernel that is no PE file") {
    parts.kernel = Bytes(100, 0x1f);
    refuse("kernel: PE file: no MZ");
  }
  SECTION("a kernel for another architecture") {
    const PeFile kernel = PeFile::parse(parts.kernel);
    const le16 arm(pe::machine_arm64);
    std::memcpy(parts.kernel.data() + kernel.pe_offset() + 4, &arm, sizeof(arm));
    refuse("kernel: is for aa64, the stub for x64");
  }
  SECTION("a stub with room for no more section headers") {
    const PeFile stub = PeFile::parse(parts.stub);
    pe::OptionalHeader optional = stub.optional();
    optional.SizeOfHeaders = static_cast<std::uint32_t>(stub.section_headers_end() + 40);
    std::memcpy(parts.stub.data() + stub.optional_offset(), &optional, sizeof(optional));
    refuse("section headers, the UKI needs");
  }
}
