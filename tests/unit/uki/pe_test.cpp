// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/uki/pe.hpp"

#include <cstring>

#include "store/core/error.hpp"
#include "tests/catch.hpp"
#include "tests/unit/uki/uki_fixture.hpp"

using namespace sealroot;

namespace {

/// Reads everything a PeFile hands out, so that a bad view is seen by a sanitizer.
std::size_t touch_all(const PeFile& file) {
  std::size_t sum = file.certificate_table().size();
  for (const pe::SectionHeader& section : file.sections()) {
    for (const std::uint8_t byte : file.raw_content(section)) sum += byte;
    sum += file.content(section).size();
  }
  return sum;
}

bool reads(ByteView bytes) {
  try {
    touch_all(PeFile::parse(bytes));
    return true;
  } catch (const Error& error) {
    REQUIRE(error.fault() == Fault::malformed);
    return false;
  }
}

template <typename T>
void put(Bytes& file, std::size_t offset, const T& value) {
  std::memcpy(file.data() + offset, &value, sizeof(value));
}

}  // namespace

TEST_CASE("a small PE file is read") {
  const Bytes bytes = small_pe("hello");
  const PeFile file = PeFile::parse(bytes);
  REQUIRE(file.sections().size() == 1);
  CHECK(as_text(*file.find_content(".text")) == "hello");
  CHECK(file.raw_content(file.sections()[0]).size() == 0x200);
  CHECK(file.certificate_table().empty());
  CHECK(file.find_section(".data") == nullptr);
}

TEST_CASE("a truncated PE file is malformed at every length") {
  const Bytes bytes = small_pe("hello");
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    INFO(length);
    CHECK_FALSE(reads(Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length))));
  }
}

TEST_CASE("any byte of the headers can be anything without reading outside") {
  const Bytes original = small_pe("hello");
  for (std::size_t offset = 0; offset < 0x200; ++offset) {
    for (const int value : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
      Bytes bytes = original;
      bytes[offset] = static_cast<std::uint8_t>(value);
      reads(bytes);
    }
  }
  SUCCEED();
}

TEST_CASE("fields that point outside or overlap are named") {
  Bytes bytes = small_pe("hello");
  const PeFile file = PeFile::parse(bytes);
  const std::size_t section = file.section_headers_offset();
  const std::size_t certificate = file.certificate_entry_offset();
  const auto refuse = [&](const std::string& text) { CHECK_THROWS_WITH(PeFile::parse(bytes), has_text(text)); };
  SECTION("PE header outside") {
    put(bytes, 60, le32(0xfffffff0));
    refuse("the PE signature lies outside the file");
  }
  SECTION("section inside the headers") {
    put(bytes, section + offsetof(pe::SectionHeader, PointerToRawData), le32(0x100));
    refuse("section '.text' overlaps");
  }
  SECTION("section beyond the end") {
    put(bytes, section + offsetof(pe::SectionHeader, SizeOfRawData), le32(0x400));
    refuse("section '.text' ends outside the file");
  }
  SECTION("section above 4 GiB in memory") {
    put(bytes, section + offsetof(pe::SectionHeader, VirtualSize), le32(0xfffff000));
    refuse("above 4 GiB");
  }
  SECTION("alignment") {
    put(bytes, file.optional_offset() + offsetof(pe::OptionalHeader, FileAlignment), le32(0x300));
    refuse("power of two");
  }
  SECTION("headers larger than the file") {
    put(bytes, file.optional_offset() + offsetof(pe::OptionalHeader, SizeOfHeaders), le32(0x10000));
    refuse("SizeOfHeaders");
  }
  SECTION("32 bit") {
    put(bytes, file.optional_offset(), le16(0x010b));
    refuse("not PE32+");
  }
  SECTION("certificate table over the sections") {
    put(bytes, certificate, pe::DataDirectory{0x200, 0x200});
    refuse("certificate table");
  }
  SECTION("certificate table beyond the end") {
    put(bytes, certificate, pe::DataDirectory{0x400, 0x200});
    refuse("certificate table");
  }
}
