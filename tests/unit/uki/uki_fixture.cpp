// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "tests/unit/uki/uki_fixture.hpp"

#include <sys/wait.h>

#include <cstdlib>
#include <cstring>

#include "store/core/error.hpp"

namespace sealroot {

Bytes installed_stub() {
  const char* chosen = std::getenv("SEALROOT_TEST_STUB");
  return read_file(working_directory(), chosen != nullptr ? chosen : "/usr/lib/systemd/boot/efi/linuxx64.efi.stub");
}

Bytes small_pe(const std::string& text, std::uint16_t dll_characteristics) {
  constexpr std::uint32_t headers_size = 0x200;
  constexpr std::uint32_t section_alignment = 0x1000;
  const std::uint32_t raw_size = round_up(static_cast<std::uint32_t>(text.size()), 0x200);
  Bytes out(headers_size + raw_size, 0);
  auto put = [&, offset = std::size_t{0}](const auto& object) mutable {
    std::memcpy(out.data() + offset, &object, sizeof(object));
    offset += sizeof(object);
  };
  pe::DosHeader dos{};
  dos.e_magic = pe::dos_magic;
  dos.e_lfanew = sizeof(pe::DosHeader);
  pe::CoffHeader coff{};
  coff.Machine = pe::machine_x64;
  coff.NumberOfSections = 1;
  coff.SizeOfOptionalHeader = sizeof(pe::OptionalHeader) + 16 * sizeof(pe::DataDirectory);
  coff.Characteristics = 0x0206;
  pe::OptionalHeader optional{};
  optional.Magic = pe::pe32_plus_magic;
  optional.SectionAlignment = section_alignment;
  optional.FileAlignment = 0x200;
  optional.SizeOfHeaders = headers_size;
  optional.SizeOfImage = section_alignment + round_up(raw_size, section_alignment);
  optional.Subsystem = 10;
  optional.DllCharacteristics = dll_characteristics;
  optional.NumberOfRvaAndSizes = 16;
  pe::SectionHeader section{};
  std::memcpy(section.Name.data(), ".text", 5);
  section.VirtualSize = static_cast<std::uint32_t>(text.size());
  section.VirtualAddress = section_alignment;
  section.SizeOfRawData = raw_size;
  section.PointerToRawData = headers_size;
  section.Characteristics = pe::section_code | pe::section_execute | pe::section_read;
  put(dos);
  put(le32(pe::pe_signature));
  put(coff);
  put(optional);
  put(std::array<pe::DataDirectory, 16>{});
  put(section);
  std::memcpy(out.data() + headers_size, text.data(), text.size());
  return out;
}

UkiParts sample_parts() {
  UkiParts parts;
  parts.stub = installed_stub();
  parts.kernel = small_pe(std::string(5000, 'K'));
  parts.initrd = Bytes(3001, 'I');
  parts.cmdline = "composefs.digest=v1-sha512-12:00 rw";
  parts.os_release = "ID=sample\nIMAGE_ID=sample\nIMAGE_VERSION=1\n";
  parts.uname = "6.12.0-sample";
  return parts;
}

bool has_program(const std::string& name) { return std::system(("command -v " + name + " >/dev/null").c_str()) == 0; }

int run_in(const Scratch& scratch, const std::string& command) {
  const int status = std::system(("cd " + scratch.path().string() + " && (" + command + ") >output 2>&1").c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::string output_of(const Scratch& scratch, const std::string& command) {
  run_in(scratch, command);
  return std::string(as_text(read_file(scratch.directory(), "output")));
}

void make_key(const Scratch& scratch, const std::string& name, const std::string& algorithm) {
  const int status =
      run_in(scratch, "openssl req -new -x509 -newkey " + algorithm + " -nodes -days 3650 -subj /CN=" + name +
                          "/ -keyout " + name + ".key -out " + name + ".crt");
  if (status != 0) throw Error(Fault::os, "openssl: can't make a key");
}

}  // namespace sealroot
